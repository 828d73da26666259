#include "tests/sim/node_checks.hpp"

#include <algorithm>

namespace unik::sim {

void NodeChecks::check_launch(int on, const InstanceId& id, const BootSpec& boot) {
  const bool strict = boot.singleton == Singleton::kStrict;
  check_alone(static_cast<std::size_t>(on), id, strict);
  if (!strict) return;
  ++cluster_.outcome.strict_boots;
  check_slot(static_cast<std::size_t>(on), id);
}

// A namesake that has the name of a node which nobody hears runs what is placed there, whatever goes on unheard, or
// goes on for a while without the name.
void NodeChecks::check_alone(std::size_t on, const InstanceId& id, bool strict) {
  const std::string& name = cluster_.nodes[on]->name();
  for (std::size_t i = 0; i < cluster_.nodes.size(); ++i) {
    const SimulatedNode& node = *cluster_.nodes[i];
    const auto other = node.vms().find(id);
    if (i == on || other == node.vms().end() || !other->second.running) continue;
    const bool namesake = node.name() == name;
    if (namesake && !strict && (cluster_.is_unheard(i) || !cluster_.has_its_name(node))) continue;
    cluster_.expect(false, (namesake ? "namesake: " : "twice: ") + std::string(strict ? "the strict " : "") +
                               to_string(id) + " starts on " + name + " and runs on " + (namesake ? "the other " : "") +
                               node.name());
  }
}

// A host that sleeps runs nothing, and its guards wake before its guests.
void NodeChecks::check_slot(std::size_t on, const InstanceId& id) {
  const std::string& name = cluster_.nodes[on]->name();
  for (const auto& node : cluster_.nodes) {
    if (node->is_suspended()) continue;
    for (const auto& [other, vm] : node->vms())
      cluster_.expect(
          !vm.running || !vm.strict || other.app_name() != id.app_name() || other.slot != id.slot || other == id,
          "twice: " + to_string(id) + " starts on " + name + " while " + to_string(other) + " runs on " + node->name());
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
