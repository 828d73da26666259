#include "tests/sim/forgery.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include "controller/core/diff.hpp"
#include "controller/core/rollout_facts.hpp"

namespace unik::sim {
namespace {

using namespace controller;

using Changes = std::vector<Change>;
using Choose = std::function<bool(const AppRow& app, const InstanceId& id, const InstanceRow& row)>;

bool is_alone(const World& world, const InstanceId& id) {
  bool alone = true;
  for_each_instance(world, id.app_name(), [&](const InstanceId& other, const InstanceRow& row) {
    alone &= other == id || other.slot != id.slot || row.goal == InstanceGoal::kStop;
  });
  return alone;
}

bool is_outdated(const World& world, const AppRow& app, const InstanceId& id) {
  return !CurrentTemplate(world, id.app_name(), app.rollout).covers(id.rollout);
}

Leaving leaves(const World& world, const AppRow& app, const InstanceRow& row) {
  const NodeRow* const node = world.nodes.find(row.node);
  return node == nullptr ? Leaving::kNo : leaving(world, *node, *app.app, world.as_of);
}

// Instances that run and serve, before and after.
void for_each_serving(const World& before, const World& after, const Choose& visit) {
  for (const auto& [id, row] : after.instances) {
    const AppRow* const app = after.apps.find(id.app_name());
    const AppRow* const was = before.apps.find(id.app_name());
    const InstanceRow* const ran = before.instances.find(id);
    if (app == nullptr || was == nullptr || ran == nullptr || app->deleting || was->deleting) continue;
    const bool serves = row.goal == InstanceGoal::kRun && ran->goal == InstanceGoal::kRun && is_ready(*row.status) &&
                        !is_silent(after, row.node);
    if (serves && id.slot < app->app->spec.replicas && visit(*app, id, row)) return;
  }
}

// Stops the first that is chosen.
Changes stop_one(const World& before, const World& after, const Choose& choose) {
  Changes changes;
  for_each_serving(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow& row) {
    if (!choose(app, id, row)) return false;
    InstanceRow stopped = row;
    stopped.goal = InstanceGoal::kStop;
    changes.push_back(PutInstance{id, std::move(stopped)});
    return true;
  });
  return changes;
}

Changes roll_out_hastily(const World& before, const World& after) {
  return stop_one(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow& row) {
    return rollout_policy(after, *app.app).max_unavailable == 0 && !is_strict(after, id) && is_alone(after, id) &&
           is_outdated(after, app, id) && leaves(after, app, row) == Leaving::kNo;
  });
}

Changes move_hastily(const World& before, const World& after) {
  return stop_one(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow& row) {
    const bool patient = after.nodes.find(row.node)->node->spec.drain.deadline > std::chrono::seconds(15);
    return !is_strict(after, id) && is_alone(after, id) && leaves(after, app, row) == Leaving::kDrain && patient;
  });
}

Changes go_on_while_paused(const World& before, const World& after) {
  return stop_one(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow& row) {
    return is_paused_by_hand(app.state) && is_alone(after, id) && is_outdated(after, app, id) &&
           leaves(after, app, row) == Leaving::kNo;
  });
}

Changes trust_at_once(const World& before, const World& after) {
  return stop_one(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow&) {
    return !is_alone(after, id) && is_outdated(after, app, id) &&
           rollout_policy(after, *app.app).gate.healthy_for > std::chrono::seconds(1);
  });
}

Changes crowd_strict_slots(const World& before, const World& after) {
  Changes changes;
  for_each_serving(before, after, [&](const AppRow&, const InstanceId& id, const InstanceRow& row) {
    if (!is_strict(after, id)) return false;
    InstanceId beside = id;
    beside.attempt += 100;
    changes.push_back(PutInstance{beside, row});
    return true;
  });
  return changes;
}

// Everything new at once.
Changes surge_without_bounds(const World& before, const World& after) {
  Changes changes;
  for_each_serving(before, after, [&](const AppRow& app, const InstanceId& id, const InstanceRow& row) {
    if (!is_alone(after, id) || !is_outdated(after, app, id)) return false;
    changes.push_back(PutInstance{{id.tenant, id.app, id.slot, app.rollout, 100}, row});
    return false;
  });
  return changes;
}

Changes place_blindly(const World& after, const Record& record) {
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.node.empty() || put->row.goal == InstanceGoal::kStop) continue;
    for (const auto& [name, node] : after.nodes) {
      if (node.node->spec.taints.empty() || node.health != NodeHealth::kReady) continue;
      InstanceRow row = put->row;
      row.node = name;
      return {PutInstance{put->id, std::move(row)}};
    }
  }
  return {};
}

Changes jump_the_queue(const World& after) {
  for (const auto& [key, name] : after.queued_operations) {
    const AppRow* const app = after.apps.find(name);
    if (app == nullptr || app->deleting || after.nodes.empty()) continue;
    InstanceRow row;
    row.node = after.nodes.begin()->first;
    row.goal_revision = after.revision;
    row.status = InstanceStatus{};
    return {PutInstance{{name.tenant, name.app, 0, app->rollout, 1}, std::move(row)}};
  }
  return {};
}

}  // namespace

std::vector<Change> forged_changes(PlantedBug bug, const World& before, const World& after, const Record& record) {
  switch (bug) {
    case PlantedBug::kHastyRollouts:
      return roll_out_hastily(before, after);
    case PlantedBug::kHastyMoves:
      return move_hastily(before, after);
    case PlantedBug::kDeafToPauses:
      return go_on_while_paused(before, after);
    case PlantedBug::kNoGates:
      return trust_at_once(before, after);
    case PlantedBug::kCrowdedSlots:
      return crowd_strict_slots(before, after);
    case PlantedBug::kBoundlessSurge:
      return surge_without_bounds(before, after);
    case PlantedBug::kBlindPlacement:
      return place_blindly(after, record);
    case PlantedBug::kQueueJumpers:
      return jump_the_queue(after);
    default:
      return {};
  }
}

}  // namespace unik::sim
