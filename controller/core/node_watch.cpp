#include "controller/core/node_watch.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/diff.hpp"

namespace unik::controller {
namespace {

std::string object_of(Symbol node) { return "node " + node.str(); }

void set_health(Draft& draft, Symbol node, NodeHealth health, std::string why) {
  NodeRow row = *draft.world().nodes.find(node);
  if (row.health == health) return;
  row.health = health;
  draft.because(object_of(node), std::string(to_string(health)) + ": " + std::move(why));
  draft.change(PutNode{std::move(row)});
}

void watch_health(Draft& draft, Symbol node) {
  const World& world = draft.world();
  const NodeRow& row = *world.nodes.find(node);
  if (!row.info) return;
  const Observed* const observed = world.observed.find(node);
  const Time heard = observed == nullptr ? world.started : observed->received;
  const Time limit = heard + kSilenceLimit;
  if (draft.now().boot >= limit) {
    if (row.health == NodeHealth::kReady) set_health(draft, node, NodeHealth::kUnknown, "no report for 40 s");
    return;
  }
  if (observed != nullptr) set_health(draft, node, NodeHealth::kReady, "it reports");
}

void take_transitions(Draft& draft, Symbol node, const NodeObservation& report) {
  std::vector<const ObservedInstance*> strays;
  for (const ObservedInstance& seen : report.body.instances) {
    const InstanceRow* const row = draft.world().instances.find(seen.id);
    if (row == nullptr || row->node != node) {
      strays.push_back(&seen);
    } else if (*row->status != seen.status) {
      draft.change(ObserveInstance{seen.id, seen.status});
    }
  }
  for (const ObservedInstance* const stray : strays) {
    const StrayKey key{node, stray->id};
    if (draft.world().strays.contains(key)) continue;
    draft.because(object_of(node), "stray " + to_string(stray->id) + ": it runs and nobody wants it");
    draft.change(PutStray{key, StrayRow{draft.world().revision}});
  }
}

// Instances that were asked to stop and are gone belong to their apps; strays have no app and are forgotten here.
void forget_strays(Draft& draft, Symbol node) {
  std::vector<InstanceId> gone;
  for_each_stray(draft.world(), node, [&](const InstanceId& id, const StrayRow& row) {
    if (sight(draft.world(), node, id, row.goal_revision) == Sighting::kAbsent) gone.push_back(id);
  });
  for (const InstanceId& id : gone) {
    draft.because(object_of(node), "stray " + to_string(id) + " is gone");
    draft.change(RemoveStray{{node, id}});
  }
}

void wake_apps_that_stop_here(Draft& draft, Symbol node) {
  for_each_on_node(draft.world(), node, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kStop) draft.touched().apps.insert(id.app_name());
  });
}

}  // namespace

void watch_node(Draft& draft, Symbol node) {
  if (!draft.world().nodes.contains(node)) return;
  watch_health(draft, node);
  const Observed* const observed = draft.world().observed.find(node);
  if (observed == nullptr || draft.world().history_lost) return;
  const std::shared_ptr<const NodeObservation> report = observed->report;
  take_transitions(draft, node, *report);
  forget_strays(draft, node);
  wake_apps_that_stop_here(draft, node);
}

}  // namespace unik::controller
