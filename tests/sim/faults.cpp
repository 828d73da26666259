#include "tests/sim/faults.hpp"

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kNodesForEach = 50;  // of those who do harm

}  // namespace

void Faults::plan() {
  plan_next([this] { do_harm(); });
  for (int i = kNodesForEach; i < cluster_.options.agents; i += kNodesForEach) plan_next([this] { harm_some_node(); });
}

void Faults::plan_next(const std::function<void()>& harm) {
  cluster_.timeline.after(cluster_.random.between(milliseconds(100), seconds(8)), [this, harm] {
    if (!cluster_.faulty()) return;
    harm();
    plan_next(harm);
  });
}

void Faults::do_harm() {
  const Options& options = cluster_.options;
  Random& random = cluster_.random;
  switch (random.below(10)) {
    case 0:
      if (options.crashes) crash_controller();
      break;
    case 1:
      if (options.disk_faults) fail_disks(some_node());
      break;
    case 2:
      if (options.clock_jumps)
        cluster_.timeline.jump_wall_clock(random.chance(0.5) ? std::chrono::hours(24) : -std::chrono::hours(24));
      break;
    default:
      harm_some_node();
  }
}

SimulatedNode& Faults::some_node() {
  return *cluster_.nodes[cluster_.random.below(cluster_.nodes.size())];
}

void Faults::harm_some_node() {
  const Options& options = cluster_.options;
  Random& random = cluster_.random;
  const std::size_t index = random.below(cluster_.nodes.size());
  SimulatedNode& node = *cluster_.nodes[index];
  const std::uint64_t harm = random.below(7);
  if (harm == 0) {
    if (options.network_faults) cut_off(index);
    return;
  }
  if (!options.crashes) return;
  switch (harm) {
    case 1:
    case 2:
      if (node.is_up()) crash_agent(node, false);
      break;
    case 3:
      if (node.is_up()) crash_agent(node, true);
      break;
    case 4:
      node.kill_some_vm();
      break;
    case 5:
      if (random.chance(0.3)) node.suspend(random.between(seconds(10), seconds(600)));
      break;
    case 6:
      if (node.is_up()) crash_agent(node, false, seconds(200));
      break;
  }
}

// Most cuts heal before the node is given up.
void Faults::cut_off(std::size_t node) {
  Random& random = cluster_.random;
  const Duration length = random.between(seconds(1), seconds(random.chance(0.3) ? 200 : 60));
  cluster_.cut_until[node] = cluster_.timeline.now().boot + length;
}

void Faults::crash_controller() {
  SimulatedController& controller = cluster_.controller;
  if (!controller.is_up()) return;
  ++cluster_.outcome.controller_crashes;
  controller.crash();
  cluster_.timeline.after(cluster_.random.between(milliseconds(50), seconds(20)), [&controller] {
    if (!controller.is_up()) controller.start();
  });
}

void Faults::crash_agent(SimulatedNode& node, bool lose_record, Duration at_most) {
  ++cluster_.outcome.agent_crashes;
  node.crash();
  if (lose_record) node.roll_record_back();
  cluster_.timeline.after(cluster_.random.between(milliseconds(50), at_most), [&node] {
    if (!node.is_up()) node.start();
  });
}

void Faults::fail_disks(SimulatedNode& node) {
  cluster_.controller.journal().set_failing(true);
  node.set_disk_failing(true);
  cluster_.timeline.after(cluster_.random.between(milliseconds(500), seconds(10)), [this, &node] {
    cluster_.controller.journal().set_failing(false);
    node.set_disk_failing(false);
  });
}

void Faults::heal() {
  cluster_.controller.journal().set_failing(false);
  if (!cluster_.controller.is_up()) cluster_.controller.start();
  for (const auto& node : cluster_.nodes) {
    node->set_disk_failing(false);
    node->wake();
    if (!node->is_up()) node->start();
  }
}

}  // namespace unik::sim
