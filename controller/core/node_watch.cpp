#include "controller/core/node_watch.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/recovery.hpp"

namespace unik::controller {
namespace {

void set_health(Draft& draft, Symbol node, NodeHealth health, std::string why) {
  NodeRow row = *draft.world().nodes.find(node);
  if (row.health == health) return;
  row.health = health;
  draft.because(object_of(node), std::string(to_string(health)) + ": " + std::move(why));
  draft.change(PutNode{std::move(row)});
}

std::string event_object(Symbol node) {
  return "node/" + node.str();
}

void set_clock(Draft& draft, Symbol node, const NodeClock& clock) {
  draft.clocks().nodes.set(node, clock);
}

NodeClock clock_of(const World& world, Symbol node) {
  const NodeClock* const clock = world.clocks.nodes.find(node);
  return clock == nullptr ? NodeClock{} : *clock;
}

void come_back(Draft& draft, Symbol node) {
  if (draft.world().nodes.find(node)->health == NodeHealth::kNeverSeen)
    return set_health(draft, node, NodeHealth::kReady, "it reports for the first time");
  NodeClock clock = clock_of(draft.world(), node);
  const Time now = draft.now().boot;
  if (is_isolated(draft.world(), now)) draft.clocks().last_isolated = now;
  if (clock.returns == 0 || now >= clock.returned + kFlapMemory) clock.returns = 0;
  ++clock.returns;
  clock.returned = now;
  Duration hold{};
  for (std::uint32_t i = 1; i < clock.returns; ++i) hold = std::min(std::max(kFirstHold, 2 * hold), kLongestHold);
  clock.held_until = now + hold;
  if (hold > Duration::zero()) draft.wake_at(clock.held_until);
  set_clock(draft, node, clock);
  set_health(draft, node, NodeHealth::kReady,
             hold == Duration::zero() ? "it reports" : "it reports; nothing new for " + format_duration(hold));
  if (hold > Duration::zero())
    draft.change(NoteEvent{event_object(node), "held_down",
                           "it came back " + std::to_string(clock.returns) + " times within " +
                               format_duration(kFlapMemory) + ": nothing new is placed here for " +
                               format_duration(hold)});
}

// Once when it begins, and once when it is over.
void tell_of_isolation(Draft& draft) {
  bool& told = draft.clocks().isolated;
  const bool isolated = is_isolated(draft.world(), draft.now().boot);
  if (std::exchange(told, isolated) == isolated) return;
  draft.change(NoteEvent{
      "cluster", isolated ? "isolated" : "not_isolated",
      isolated ? "most nodes are silent, which may be our own fault: nothing is moved" : "most nodes report again"});
}

// Once for each drain, and once more after a restart. What it waits for is the node's condition `Drained`.
void tell_of_drain(Draft& draft, Symbol node) {
  NodeClock clock = clock_of(draft.world(), node);
  const bool drained = is_drained(draft.world(), node);
  if (std::exchange(clock.drained, drained) == drained) return;
  set_clock(draft, node, clock);
  if (drained) draft.change(NoteEvent{event_object(node), "drained", "nothing runs here any more"});
}

void give_up_if_lost(Draft& draft, Symbol node) {
  const Time now = draft.now().boot;
  const Time limit = heard(draft.world(), node) + kLostLimit;
  if (now < limit) return draft.wake_at(limit);
  if (is_isolated(draft.world(), now)) return static_cast<void>(draft.clocks().last_isolated = now);
  const Time last_isolated = draft.clocks().last_isolated;
  if (last_isolated != Time{} && now < last_isolated + kLostLimit) return draft.wake_at(last_isolated + kLostLimit);
  Time& last_lost = draft.clocks().last_lost;
  if (last_lost != Time{} && now < last_lost + kLostEvery) return draft.wake_at(last_lost + kLostEvery);
  last_lost = now;
  set_health(draft, node, NodeHealth::kLost, "no report for " + format_duration(kLostLimit));
}

// It is given up in the plan's next round at the earliest: this one may not have come to the others that are silent.
void miss(Draft& draft, Symbol node) {
  set_health(draft, node, NodeHealth::kUnknown, "no report for 40 s");
  draft.wake_at(std::max(heard(draft.world(), node) + kLostLimit, draft.now().boot));
}

void wake_apps_here(Draft& draft, Symbol node) {
  for_each_on_node(draft.world(), node,
                   [&](const InstanceId& id, const InstanceRow&) { draft.touched().apps.insert(id.app_name()); });
}

void watch_health(Draft& draft, Symbol node) {
  const NodeRow& row = *draft.world().nodes.find(node);
  if (!row.info) return;
  if (const Time held_until = clock_of(draft.world(), node).held_until; draft.now().boot < held_until)
    draft.wake_at(held_until);
  const NodeHealth before = row.health;
  if (draft.now().boot >= heard(draft.world(), node) + kSilenceLimit) {
    if (before == NodeHealth::kUnknown) give_up_if_lost(draft, node);
    if (before == NodeHealth::kReady) miss(draft, node);
  } else if (draft.world().observed.contains(node) && before != NodeHealth::kReady) {
    come_back(draft, node);
  }
  if (draft.world().nodes.find(node)->health == before) return;
  wake_apps_here(draft, node);
  tell_of_isolation(draft);
}

// The drain's deadline runs from when this controller has first seen it asked for, and another one from when it has
// first seen that.
void watch_drain(Draft& draft, Symbol node) {
  const Drain& drain = draft.world().nodes.find(node)->node->spec.drain;
  NodeClock clock = clock_of(draft.world(), node);
  if (drain.enabled != clock.drain_began.has_value() || (drain.enabled && drain.deadline != clock.drain_deadline)) {
    clock.drain_began = drain.enabled ? std::optional(draft.now().boot) : std::nullopt;
    clock.drain_deadline = drain.deadline;
    set_clock(draft, node, clock);
    wake_apps_here(draft, node);
  }
  if (!drain.enabled || draft.world().loads.find(node)->instances == 0) return;
  const Time deadline = *clock.drain_began + drain.deadline;
  if (draft.now().boot < deadline) return draft.wake_at(deadline);
  wake_apps_here(draft, node);
}

// It had ended for good, and its node has gone back to a record from before its goal came: what it said first stands,
// and the room that it gave away is not its own again.
bool has_forgotten_its_end(const InstanceStatus& known, const InstanceStatus& said) {
  return is_final(known) && known.reason != kNoGoal && said.phase == Phase::kExited && said.reason == kNoGoal;
}

void take_transitions(Draft& draft, Symbol node, const NodeObservation& report) {
  std::vector<const SeenInstance*> strays;
  for (const SeenInstance& seen : report.body->instances) {
    const InstanceRow* const row = draft.world().instances.find(seen.id);
    if (row == nullptr || row->node != node) {
      strays.push_back(&seen);
    } else if (row->status != seen.status && !has_forgotten_its_end(*row->status, *seen.status)) {
      draft.change(ObserveInstance{seen.id, seen.status});
    }
  }
  for (const SeenInstance* const stray : strays) {
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

bool is_drained(const World& world, Symbol node) {
  if (!world.nodes.find(node)->node->spec.drain.enabled) return false;
  bool any = false;
  for_each_on_node(world, node, [&](const InstanceId&, const InstanceRow& row) {
    any |= row.goal == InstanceGoal::kStop || !has_ended(*row.status);
  });
  for_each_stray(world, node, [&](const InstanceId&, const StrayRow&) { any = true; });
  return !any;
}

bool is_isolated(const World& world, Time now) {
  const auto count = [&](NodeHealth health) { return world.nodes_by_health[static_cast<std::size_t>(health)]; };
  const std::uint32_t ready = count(NodeHealth::kReady);
  if (count(NodeHealth::kUnknown) + count(NodeHealth::kLost) <= ready) return false;
  std::uint32_t silent = count(NodeHealth::kUnknown);
  for (const auto& [name, row] : world.nodes)
    if (row.health == NodeHealth::kLost && now < heard(world, name) + kLongSilence) ++silent;
  return silent > ready;
}

namespace {

void take_report(Draft& draft, Symbol node) {
  const Observed* const observed = draft.world().observed.find(node);
  if (observed == nullptr || draft.world().history_lost) return;
  if (!is_accounted(draft.world(), node)) account_for_node(draft, node);
  const std::shared_ptr<const NodeObservation> report = observed->report;
  take_transitions(draft, node, *report);
  forget_strays(draft, node);
  wake_apps_that_stop_here(draft, node);
}

}  // namespace

void watch_node(Draft& draft, Symbol node) {
  if (!draft.world().nodes.contains(node)) return;
  watch_health(draft, node);
  watch_drain(draft, node);
  take_report(draft, node);
  tell_of_drain(draft, node);
}

}  // namespace unik::controller
