// From an apply to the first byte on a VM's serial console, the image being on the node already, beside QEMU alone with
// the identical argv; and what an agent takes of memory when it has nothing to do.
//
//   launch_bench BIN_DIR [--pairs N]
#include <future>

#include "local_node.hpp"
#include "paired.hpp"
#include "raw_vm.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

constexpr double kMilli = 1e3;
const std::string kApp = "launch";

Spread times(Spread spread, double factor) {
  return {spread.median * factor, spread.least * factor, spread.most * factor};
}

// The app with one replica or none, and what comes of it.
class Launches {
 public:
  static Result<Launches> prepare(const LocalNode& node) {
    Result<std::string> none = node.manifest(kApp, 0);
    if (!none) return none.error();
    Result<std::string> one = node.manifest(kApp, 1);
    if (!one) return one.error();
    return Launches(node, std::move(*none), std::move(*one));
  }

  // Until nothing of the app is left on the node.
  Result<void> end() {
    Watch watch;
    if (Result<void> added = watch.add(node_.instances()); !added) return added;
    if (const auto answer = post(node_.endpoint(), "/v1/apply", none_); !answer) return answer.error();
    return watch.until([&] { return !node_.instance_of(kApp); }, "the end of the VM");
  }

  // The request is sent and answered beside the wait: a VM may be there before the answer.
  Result<void> launch() {
    Watch watch;
    if (Result<void> added = watch.add(node_.instances()); !added) return added;
    const double begun = wall_seconds();
    auto answer = std::async(std::launch::async, [&] { return post(node_.endpoint(), "/v1/apply", one_); });
    std::optional<fs::path> instance;
    Result<void> seen = watch.until([&] { return (instance = node_.instance_of(kApp)).has_value(); }, "an instance");
    if (seen) seen = watch.add(*instance);
    if (seen) seen = watch.until([&] { return !text_of(*instance / "pid").empty(); }, "QEMU");
    to_exec_.push_back(wall_seconds() - begun);
    if (seen) seen = watch.until([&] { return !text_of(*instance / "console.log").empty(); }, "the first byte");
    if (const Result<std::string> answered = answer.get(); !answered) return answered.error();
    return seen;
  }

  Spread to_exec() const { return spread_of(to_exec_); }

 private:
  Launches(const LocalNode& node, std::string none, std::string one)
      : node_(node), none_(std::move(none)), one_(std::move(one)) {}

  const LocalNode& node_;
  std::string none_;
  std::string one_;
  std::vector<double> to_exec_;  // seconds
};

Result<void> measure_launch(const Options& options, const LocalNode& node, const fs::path& scratch, Report& report) {
  const Result<fs::path> guest = compile_guest(scratch);
  if (!guest) return guest.error();
  const auto deployed = node.deploy(kApp, {*guest}, {"say", std::string(kGuestWord), "sleep", "1000000000"});
  if (!deployed) return deployed.error();
  Result<Launches> launches = Launches::prepare(node);
  if (!launches) return launches.error();
  // Once by a manifest that says what later ones say, so that the peer is the same to the last word.
  if (Result<void> ended = launches->end(); !ended) return ended;
  if (Result<void> launched = launches->launch(); !launched) return launched;
  Result<RawVm> raw = RawVm::like(*node.instance_of(kApp), scratch / "raw");
  if (!raw) return raw.error();

  const auto before = [&]() -> Result<void> {
    raw->end();
    return launches->end();
  };
  const Result<Comparison> found =
      Pairing(options.pairs, {node.controller().pid(), node.agent().pid()})
          .compare([&] { return raw->boot({}); }, [&] { return launches->launch(); }, before);
  if (!found) return found.error();
  report.add(*found);
  report.add(
      {"apply to first serial byte, over raw QEMU", times(wall_difference(*found), kMilli), "ms", Want::kAtMost, 5});
  report.add({"of it, apply to exec of QEMU", times(launches->to_exec(), kMilli), "ms"});
  report.add({"apply to first serial byte", times(ours_wall(*found), kMilli), "ms"});
  report.add({"raw QEMU, exec to first serial byte", times(peer_wall(*found), kMilli), "ms"});
  return launches->end();
}

Result<void> measure(const Options& options, Report& report) {
  const ScratchDir scratch;
  const Result<LocalNode> node = LocalNode::start(options.operands.front(), scratch.path() / "home");
  if (!node) return node.error();
  const double memory = static_cast<double>(node->agent().resident_bytes()) / (1 << 20);
  report.add({"idle agent's memory", {memory, memory, memory}, "MiB", Want::kAtMost, 20});
  return measure_launch(options, *node, scratch.path(), report);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.size() != 1) return give_up("launch", invalid("usage", "want BIN_DIR"));
  Report report("launch");
  if (Result<void> done = measure(options, report); !done) return give_up("launch", done.error());
  return report.finish(options);
}
