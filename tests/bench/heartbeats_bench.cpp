// Heartbeats over kept HTTP connections, from a load generator on the same cores: 1,000 nodes of 10 instances each that
// say nothing new, as fast as they are answered; beside them requests of the same server that ask nothing of the loop.
// Then 10,000 nodes at rest: what the controller takes of a core.
//
//   heartbeats_bench BIN_DIR [rate | rest] [--pairs N] [--check]
#include <chrono>
#include <thread>

#include "app_documents.hpp"
#include "cluster.hpp"
#include "paired.hpp"
#include "report.hpp"

namespace {

using namespace unik;
using namespace unik::bench;
namespace fs = std::filesystem;

constexpr std::size_t kNodes = 1'000;
constexpr std::size_t kReplicas = 1'000;
constexpr std::size_t kInstancesPerNode = 10;
constexpr std::size_t kHeartbeats = 20'000;
constexpr std::size_t kHeartbeatsToCheck = 5'000;
constexpr std::size_t kNodesAtRest = 10'000;
constexpr double kSeenWithin = 60;  // seconds
constexpr double kRestSeconds = 30;
constexpr double kHeartbeatEvery = 9.5;  // 10 s less the controller's jitter

// Waits until the controller has taken in the reports of all `instances`. A report that is still on its way could be
// overtaken by the heartbeat after it, over another connection, and would then be asked for again.
Result<void> wait_seen_running(const wire::Endpoint& endpoint, std::size_t instances) {
  const std::string sample = "unikctl_instances{phase=\"running\"} " + std::to_string(instances) + "\n";
  const double begun = wall_seconds();
  while (wall_seconds() - begun < kSeenWithin) {
    const Result<std::string> metrics = get(endpoint, "/v1/metrics");
    if (!metrics) return metrics.error();
    if (metrics->find(sample) != std::string::npos) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return timed_out("not_running", "the controller does not see " + std::to_string(instances) + " running instances");
}

Result<Cluster> start_running(const fs::path& bin, const fs::path& home, std::size_t nodes, std::size_t instances) {
  Result<Cluster> cluster = start_cluster(bin, home, nodes);
  if (!cluster) return cluster.error();
  std::string documents;
  for (std::size_t i = 0; i < instances / kReplicas; ++i) documents += app_document(i, cluster->digest, 0, kReplicas);
  if (const auto applied = post(cluster->endpoint, "/v1/apply", documents); !applied) return applied.error();
  if (Result<void> settled = cluster->fleet.settle(instances); !settled) return settled.error();
  if (Result<void> seen = wait_seen_running(cluster->endpoint, instances); !seen) return seen.error();
  return cluster;
}

Spread times(Spread spread, double factor) {
  return {spread.median * factor, spread.least * factor, spread.most * factor};
}

Spread rate_of(std::size_t count, Spread seconds) {
  const double n = static_cast<double>(count);
  return {n / seconds.median, n / seconds.most, n / seconds.least};
}

Result<void> measure_rate(const Options& options, const fs::path& bin, Report& report) {
  const ScratchDir scratch;
  Result<Cluster> cluster = start_running(bin, scratch.path() / "home", kNodes, kNodes * kInstancesPerNode);
  if (!cluster) return cluster.error();
  const std::size_t count = options.check ? kHeartbeatsToCheck : kHeartbeats;
  const Pairing pairing(options.pairs, {cluster->controller.pid()});
  double controller_s = 0;
  const auto beat = [&] {
    const double before = cpu_seconds_of(cluster->controller.pid());
    Result<void> done = cluster->fleet.beat(count, false);
    controller_s = cpu_seconds_of(cluster->controller.pid()) - before;
    return done;
  };
  const Result<Comparison> found = pairing.compare([&] { return cluster->fleet.ping(count); }, beat);
  if (!found) return found.error();
  report.add(*found);
  const double each = 1e6 / static_cast<double>(count);
  const double controller_us = controller_s * each;
  report.add({"unchanged heartbeats of 10 instances", rate_of(count, ours_wall(*found)), "/s", Want::kAtLeast, 20'000});
  report.add({"requests of the same server without the loop", rate_of(count, peer_wall(*found)), "/s"});
  report.add({"a heartbeat over such a request", wall_ratio(*found), "x", Want::kAtMost, {}, 8});
  report.add({"CPU of a heartbeat, load generator included", times(ours_cpu(*found), each), "us"});
  report.add({"CPU of a heartbeat, controller", {controller_us, controller_us, controller_us}, "us"});
  if (options.check) return {};

  const Result<Comparison> whole =
      pairing.compare([&] { return cluster->fleet.ping(count); }, [&] { return cluster->fleet.beat(count, true); });
  if (!whole) return whole.error();
  report.add({"the same with their bodies", rate_of(count, ours_wall(*whole)), "/s"});
  return {};
}

Result<void> measure_rest(const fs::path& bin, Report& report) {
  const ScratchDir scratch;
  Result<Cluster> cluster = start_cluster(bin, scratch.path() / "home", kNodesAtRest);
  if (!cluster) return cluster.error();
  const double cpu = cpu_seconds_of(cluster->controller.pid());
  const double wall = wall_seconds();
  const Result<std::size_t> sent = cluster->fleet.rest(kRestSeconds, kHeartbeatEvery);
  if (!sent) return sent.error();
  const double share = 100 * (cpu_seconds_of(cluster->controller.pid()) - cpu) / (wall_seconds() - wall);
  report.add({"10,000 nodes at rest, of a core", {share, share, share}, "%", Want::kAtMost, 10});
  const double memory = static_cast<double>(cluster->controller.resident_bytes()) / (1 << 20);
  report.add({"controller's memory with 10,000 nodes", {memory, memory, memory}, "MiB"});
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  if (options.operands.empty()) return give_up("heartbeats", invalid("usage", "want BIN_DIR [rate | rest]"));
  const fs::path bin = options.operands.front();
  const std::string part = options.operands.size() > 1 ? options.operands[1] : options.check ? "rate" : "";
  Report report("heartbeats");
  Result<void> done;
  if (part != "rest") done = measure_rate(options, bin, report);
  if (done && part != "rate") done = measure_rest(bin, report);
  if (!done) return give_up("heartbeats", done.error());
  return report.finish(options);
}
