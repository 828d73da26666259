// How long `unikctl apply -f DIR` takes when a running controller has all of it already: 1,000 files of one app each.
// Beside it yaml-cpp's LoadAll of the same text, in this process. What is applied again must write nothing.
//
//   apply_bench BIN_DIR [--pairs N] [--check]
#include <yaml-cpp/yaml.h>

#include <fstream>

#include "app_documents.hpp"
#include "paired.hpp"
#include "process.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

constexpr std::size_t kApps = 1'000;

Result<void> measure(const Options& options, const fs::path& bin, Report& report) {
  const ScratchDir scratch;
  const fs::path home = scratch.path() / "home";
  const fs::path apps = scratch.path() / "apps";
  fs::create_directories(home);
  fs::create_directories(apps);

  Result<Daemon> controller = start_controller(bin, home);
  if (!controller) return controller.error();
  const wire::Endpoint endpoint = socket_of(home);
  if (Result<void> ready = wait_ready(endpoint); !ready) return ready;
  const Result<std::string> digest = upload_image(endpoint);
  if (!digest) return digest.error();
  std::string all;
  for (std::size_t i = 0; i < kApps; ++i) {
    const std::string document = app_document(i, *digest, 0, i % 10);
    std::ofstream(apps / ("app-" + std::to_string(i) + ".yaml")) << document;
    all += document;
  }

  const Variables variables = {"UNIKCTL_HOME=" + home.string(),
                               "XDG_CONFIG_HOME=" + (scratch.path() / "config").string(), "NO_COLOR=1"};
  const auto apply = [&] {
    return run_command({bin / "unikctl", "apply", "-f", apps}, variables, scratch.path() / "apply.out");
  };
  if (Result<void> first = apply(); !first) return first;
  const Result<std::uint64_t> before = revision_of(endpoint);
  if (!before) return before.error();
  const auto load_all = [&]() -> Result<void> {
    if (YAML::LoadAll(all).size() == kApps) return {};
    return internal("wrong_count", "yaml-cpp read another number of documents");
  };
  const Result<Comparison> found = Pairing(options.pairs, {controller->pid()}).compare(load_all, apply);
  if (!found) return found.error();
  const Result<std::uint64_t> after = revision_of(endpoint);
  if (!after) return after.error();

  report.add(*found);
  const double records = static_cast<double>(*after - *before);
  report.add({"unchanged re-apply of 1,000 apps", ours_wall(*found), "s", Want::kAtMost, 0.2});
  report.add({"the same in CPU seconds, CLI and controller", ours_cpu(*found), "s"});
  report.add({"the same, over yaml-cpp LoadAll of the text", wall_ratio(*found), "x", Want::kAtMost, {}, 6.0});
  report.add({"journal records of it", {records, records, records}, "records", Want::kAtMost, 0, 0});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.size() != 1) return give_up("apply", invalid("usage", "want BIN_DIR"));
  Report report("apply");
  if (Result<void> done = measure(options, options.operands.front(), report); !done)
    return give_up("apply", done.error());
  return report.finish(options);
}
