#include "tests/sim/node_checks.hpp"

#include <algorithm>

namespace unik::sim {

// A host that sleeps runs nothing, and its guards wake before its guests.
void NodeChecks::check_launch(const std::string& on, const InstanceId& id, const BootSpec& boot) {
  for (const auto& node : cluster_.nodes) {
    const auto other = node->vms().find(id);
    cluster_.expect(node->name() == on || other == node->vms().end() || !other->second.running,
                    "twice: " + to_string(id) + " starts on " + on + " and runs on " + node->name());
  }
  if (boot.singleton != Singleton::kStrict) return;
  ++cluster_.outcome.strict_boots;
  for (const auto& node : cluster_.nodes) {
    if (node->is_suspended()) continue;
    for (const auto& [other, vm] : node->vms())
      cluster_.expect(
          !vm.running || !vm.strict || other.app_name() != id.app_name() || other.slot != id.slot || other == id,
          "twice: " + to_string(id) + " starts on " + on + " while " + to_string(other) + " runs on " + node->name());
  }
}

void NodeChecks::check_goals(const Goals& goals) {
  cluster_.expect(
      goals.stamp.revision <= cluster_.controller.durable().revision,
      "a node was sent goals of revision " + std::to_string(goals.stamp.revision) + " before it was durable");
}

void NodeChecks::check_accepted(int node, const Report& report, std::uint64_t life) {
  auto& [last_life, last] = accepted_[node];
  const Stamp& stamp = report.accepted_stamp;
  cluster_.expect(life != last_life || last.cluster_id.empty() || covers(stamp, last),
                  "n" + std::to_string(node) + " went back from goals " + to_string(last) + " to " + to_string(stamp));
  last_life = life;
  last = stamp;
}

bool NodeChecks::has_accepted_beyond(std::uint64_t revision) const {
  return std::any_of(accepted_.begin(), accepted_.end(),
                     [&](const auto& one) { return one.second.second.revision > revision; });
}

}  // namespace unik::sim
