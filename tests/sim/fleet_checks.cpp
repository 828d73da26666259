#include "tests/sim/fleet_checks.hpp"

#include <algorithm>
#include <set>

#include "controller/core/diff.hpp"

namespace unik::sim {
namespace {

using namespace controller;

}  // namespace

bool has_lost_its_lease(const World& before, const World& after, const InstanceId& id) {
  return before.cluster.awaits_leases && !after.cluster.awaits_leases && is_strict(before, id);
}

std::vector<std::string> check_pauses(const World& before, const World& after) {
  std::vector<std::string> broken;
  for (const auto& [name, app] : after.apps) {
    const AppRow* const was = before.apps.find(name);
    const bool paused = was != nullptr && is_paused_by_hand(was->state) && is_paused_by_hand(app.state);
    if (!paused || app.deleting) continue;
    CurrentTemplate current(after, name, app.rollout);
    for_each_instance(after, name, [&](const InstanceId& id, const InstanceRow& row) {
      const InstanceRow* const ran = before.instances.find(id);
      const bool stops = ran != nullptr && ran->goal == InstanceGoal::kRun && row.goal == InstanceGoal::kStop;
      if (!stops || id.slot >= app.app->spec.replicas || current.covers(id.rollout) || !is_ready(*row.status)) return;
      if (has_lost_its_lease(before, after, id)) return;
      const NodeRow* const node = after.nodes.find(row.node);
      if (node == nullptr || node->health == NodeHealth::kLost) return;
      if (leaving(after, *node, *app.app, after.as_of) != Leaving::kNo) return;
      bool stays = false;  // another one in its slot, which is enough
      for_each_instance(after, name, [&](const InstanceId& other, const InstanceRow& there) {
        stays |= other.slot == id.slot && there.goal == InstanceGoal::kRun && is_ready(*there.status);
      });
      if (stays) return;
      broken.push_back("paused: " + to_string(id) + " is stopped while its app's rollout is paused");
    });
  }
  return broken;
}

std::vector<std::string> check_strict_slots(const World& before, const Record& record) {
  std::vector<std::string> broken;
  World world = before;
  world.revision = record.seq;
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    const bool is_new = put != nullptr && put->row.goal == InstanceGoal::kRun && !put->row.node.empty();
    if (is_new)
      for_each_instance(world, put->id.app_name(), [&](const InstanceId& id, const InstanceRow& row) {
        if (id == put->id || id.slot != put->id.slot || row.node.empty()) return;
        if (!is_strict(world, put->id) && !is_strict(world, id)) return;
        broken.push_back("strict: " + to_string(put->id) + " is placed while " + to_string(id) + " is not gone");
      });
    if (is_new && is_strict(world, put->id))
      for (const auto& [key, row] : world.strays)
        if (row.quarantined && key.id.app_name() == put->id.app_name() && key.id.slot == put->id.slot)
          broken.push_back("strict: " + to_string(put->id) + " is placed while " + to_string(key.id) +
                           " is in quarantine");
    controller::apply(world, change);
  }
  return broken;
}

std::vector<std::string> check_held(const World& before, const World& after) {
  std::vector<std::string> broken;
  for (const auto& [name, app] : after.apps) {
    const AppRow* const was = before.apps.find(name);
    const auto is_held = [&](const AppRow& row) {
      return row.state.phase == RolloutPhase::kPaused && row.state.live != 0 && row.rollout == app.rollout;
    };
    if (was == nullptr || was->deleting || is_job(*app.app) || !is_held(*was) || !is_held(app)) continue;
    CurrentTemplate current(after, name, app.rollout);
    // A restored backup gives the current template a number of its own, and has no stand-ins.
    if (current.covers(app.state.live) || app.state.live / kRolloutsPerRecovery != after.cluster.epoch.recovery_count)
      continue;
    std::set<std::uint32_t> reached;
    for_each_instance(before, name, [&](const InstanceId& id, const InstanceRow&) {
      if (current.covers(id.rollout)) reached.insert(id.slot);
    });
    for_each_instance(after, name, [&](const InstanceId& id, const InstanceRow& row) {
      const bool is_adopted = before.strays.contains({row.node, id});
      if (!current.covers(id.rollout) || reached.contains(id.slot) || is_adopted) return;
      broken.push_back("held: " + to_string(id) + " came at record " + std::to_string(after.revision) +
                       " while its rollout is paused");
    });
  }
  return broken;
}

std::vector<std::string> check_nodes(const World& after, const Record& record, Resources capacity) {
  std::vector<std::string> broken;
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.goal == InstanceGoal::kStop || put->row.node.empty()) continue;
    const Resources& assigned = after.loads.find(put->row.node)->assigned;
    if (assigned.cpu > capacity.cpu || assigned.memory > capacity.memory)
      broken.push_back("capacity: node " + put->row.node.str() + " is promised more than it has with " +
                       to_string(put->id));
  }
  return broken;
}

}  // namespace unik::sim
