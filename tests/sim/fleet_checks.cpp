#include "tests/sim/fleet_checks.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "controller/core/diff.hpp"
#include "controller/core/rollout.hpp"

namespace unik::sim {
namespace {

using namespace controller;

// A turn may be planned later than the World was published that its clocks are read from.
constexpr Duration kTurnSlack = std::chrono::seconds(10);

bool serves(const World& world, const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && !row.node.empty() && !is_silent(world, row.node) && is_ready(*row.status);
}

// What has ended well is not missing.
bool has_served(const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && ended_well(*row.status);
}

// Whether the instance's node is left in a way that asks for no replacement first.
bool is_forced(const World& loop, const World& after, const App& app, Symbol node) {
  const NodeRow* const row = after.nodes.find(node);
  if (row == nullptr || row->health == NodeHealth::kLost) return true;
  const Drain& drain = row->node->spec.drain;
  return (drain.enabled && drain.deadline <= kTurnSlack) ||
         leaving(loop, *row, app, loop.as_of + kTurnSlack) == Leaving::kDrainOverdue;
}

std::uint32_t allowance(const World& world, const AppRow& row) {
  const App& app = *row.app;
  const std::uint32_t least = is_strict(world, {app.name().tenant, app.name().app, 0, row.rollout, 0}) ? 1 : 0;
  return std::max({rollout_policy(world, app).max_unavailable, app.spec.disruption.max_unavailable, least});
}

struct Slots {
  std::set<std::uint32_t> serving;  // after
  std::set<std::uint32_t> taken;    // served until this record
  bool forced = false;
};

Slots slots_of(const World& before, const World& after, const World& loop, const AppName& name, const AppRow& app) {
  Slots slots;
  for_each_instance(after, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (id.slot >= app.app->spec.replicas) return;
    if (serves(after, row) || has_served(row)) slots.serving.insert(id.slot);
    const InstanceRow* const was = before.instances.find(id);
    if (was == nullptr || was->goal != InstanceGoal::kRun || row.goal != InstanceGoal::kStop) return;
    InstanceRow kept = row;
    kept.goal = InstanceGoal::kRun;
    if (!serves(after, kept)) return;
    slots.taken.insert(id.slot);
    slots.forced |= is_forced(loop, after, *app.app, row.node);
  });
  for (const std::uint32_t slot : slots.serving) slots.taken.erase(slot);
  return slots;
}

}  // namespace

std::vector<std::string> check_budgets(const World& before, const World& after, const World& loop) {
  std::vector<std::string> broken;
  for (const auto& [name, app] : after.apps) {
    const AppRow* const was = before.apps.find(name);
    // A namesake that is declared while the one before goes has nothing of its own to keep up.
    if (app.deleting || was == nullptr || was->deleting) continue;
    if (was->app->metadata.uid != app.app->metadata.uid) continue;
    const Slots slots = slots_of(before, after, loop, name, app);
    if (slots.taken.empty() || slots.forced) continue;
    const std::uint32_t missing = app.app->spec.replicas - static_cast<std::uint32_t>(slots.serving.size());
    if (missing <= allowance(after, app)) continue;
    broken.push_back("unavailable: app " + to_string(name) + " has " + std::to_string(missing) + " of " +
                     std::to_string(app.app->spec.replicas) + " missing at record " + std::to_string(after.revision) +
                     ", may have " + std::to_string(allowance(after, app)));
  }
  return broken;
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
