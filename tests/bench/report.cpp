#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "codec/json_writer.hpp"

namespace unik::bench {
namespace {

constexpr std::size_t kCheckPairs = 3;

double load_of_machine() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(": ") + 2, line.size()));
  return "unknown";
}

bool keeps(Want want, double value, double limit) {
  return want == Want::kAtMost ? value <= limit : value >= limit;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--check") {
      options.check = true;
      options.pairs = kCheckPairs;
    } else if (arg == "--pairs" && i + 1 < argc) {
      options.pairs = std::max(kLeastPairs, static_cast<std::size_t>(std::strtoul(argv[++i], nullptr, 10)));
    } else {
      options.operands.emplace_back(arg);
    }
  }
  return options;
}

Report::Report(std::string benchmark) : benchmark_(std::move(benchmark)), load_before_(load_of_machine()) {}

void Report::add(Figure figure) {
  figures_.push_back(std::move(figure));
}

void Report::add(const Comparison& comparison) {
  pairs_ += comparison.pairs.size();
  dropped_ += comparison.dropped;
  disturbed_ |= comparison.disturbed;
}

int Report::finish(const Options& options) const {
  codec::JsonWriter out;
  out.begin_object().field("benchmark", benchmark_).key("machine").begin_object();
  out.field("cores", ::sysconf(_SC_NPROCESSORS_ONLN)).field("processor", processor());
  out.field("load_before", load_before_).field("load_after", load_of_machine()).end_object();
  out.field("pairs", pairs_).field("dropped", dropped_).field("disturbed", disturbed_).key("figures").begin_array();
  bool kept = true;
  for (const Figure& figure : figures_) {
    out.begin_object().field("name", figure.name).field("value", figure.value.median);
    out.field("least", figure.value.least).field("most", figure.value.most).field("unit", figure.unit);
    if (figure.target) {
      out.field("want", figure.want == Want::kAtMost ? "at most" : "at least").field("target", *figure.target);
      out.field("met", keeps(figure.want, figure.value.median, *figure.target));
    }
    out.end_object();
    if (!options.check || !figure.bound || keeps(figure.want, figure.value.median, *figure.bound)) continue;
    kept = false;
    std::fprintf(stderr, "%s: %s: want %s %g, got %g (%g to %g)\n", benchmark_.c_str(), figure.name.c_str(),
                 figure.want == Want::kAtMost ? "at most" : "at least", *figure.bound, figure.value.median,
                 figure.value.least, figure.value.most);
  }
  out.end_array().end_object();
  std::printf("%s\n", out.str().c_str());
  return kept ? 0 : 1;
}

int give_up(std::string_view benchmark, const Error& error) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(benchmark.size()), benchmark.data(), to_string(error).c_str());
  return 2;
}

}  // namespace unik::bench
