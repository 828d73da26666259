// How long 20,000 app documents take to become Resources, beside yaml-cpp's own LoadAll of the same text. The two run
// in turn; what is claimed is the median of the ratios of neighbours, not a time. The report is JSON on stdout.
//
//   parse_bench [PAIRS]    at least 9, which is the default
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "codec/json_writer.hpp"
#include "codec/manifest.hpp"

namespace {

constexpr int kDocuments = 20'000;
constexpr int kLeastPairs = 9;

std::string generate() {
  std::string text;
  for (int i = 0; i < kDocuments; ++i) {
    const std::string n = std::to_string(i);
    text += "---\napiVersion: unikctl.dev/v1\nkind: App\nmetadata:\n  name: app-" + n + "\n  tenant: team-" +
            std::to_string(i % 50) + "\n  labels: {tier: front, zone: a}\nspec:\n  image: registry.local/app-" + n +
            "@sha256:" + std::string(64, static_cast<char>('a' + i % 6)) +
            "\n  args: [\"--port\", \"8080\"]\n  env:\n    LOG_LEVEL: info\n    INDEX: \"" + n +
            "\"\n  replicas: " + std::to_string(i % 10) +
            "\n  resources: {cpu: 500m, memory: 128Mi}\n  ports:\n    - {name: http, port: 8080}\n";
  }
  return text;
}

struct Spent {
  double wall_s = 0;
  double cpu_s = 0;  // of all threads
};

template <typename Work>
Spent measure(Work work) {
  const std::clock_t cpu = std::clock();
  const auto wall = std::chrono::steady_clock::now();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count(),
          static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int pairs = std::max(kLeastPairs, argc > 1 ? std::atoi(argv[1]) : 0);
  const std::vector<unik::codec::ManifestText> texts = {{"apps.yaml", generate()}};
  std::vector<Spent> theirs;
  std::vector<Spent> ours;
  std::vector<double> wall_ratios;
  std::vector<double> cpu_ratios;
  for (int i = 0; i < pairs; ++i) {
    std::size_t loaded = 0;
    theirs.push_back(measure([&] { loaded = YAML::LoadAll(texts[0].text).size(); }));
    std::size_t parsed = 0;
    ours.push_back(measure([&] {
      const auto manifests = unik::codec::parse_manifests(texts);
      parsed = manifests.ok() ? manifests->size() : 0;
    }));
    if (loaded != kDocuments || parsed != kDocuments) {
      std::fprintf(stderr, "want %d documents of both, got %zu and %zu\n", kDocuments, loaded, parsed);
      return 1;
    }
    wall_ratios.push_back(ours.back().wall_s / theirs.back().wall_s);
    cpu_ratios.push_back(ours.back().cpu_s / theirs.back().cpu_s);
  }
  const auto walls = [](const std::vector<Spent>& all) {
    std::vector<double> values;
    for (const Spent& spent : all) values.push_back(spent.wall_s);
    return values;
  };
  unik::codec::JsonWriter out;
  out.begin_object().field("benchmark", "parse").field("documents", kDocuments).field("bytes", texts[0].text.size());
  out.field("pairs", pairs).field("load_all_wall_s", median(walls(theirs))).field("parse_wall_s", median(walls(ours)));
  out.field("wall_ratio", median(wall_ratios));
  out.field("wall_ratio_least", *std::min_element(wall_ratios.begin(), wall_ratios.end()));
  out.field("wall_ratio_most", *std::max_element(wall_ratios.begin(), wall_ratios.end()));
  out.field("cpu_ratio", median(cpu_ratios)).field("target", 0.6).end_object();
  std::printf("%s\n", out.str().c_str());
  return 0;
}
