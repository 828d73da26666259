#include "controller/core/rollout_facts.hpp"

#include <algorithm>
#include <utility>

#include "api/check.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/operations.hpp"

namespace unik::controller {
namespace {

// Whether any template that is kept is strict: what runs has one of these.
bool was_ever_strict(const World& world, const AppName& name) {
  for (auto it = world.templates.lower_bound({name, 0}); it != world.templates.end() && it->first.app == name; ++it)
    if (it->second->singleton == Singleton::kStrict) return true;
  return false;
}

// Slots in which something else than the current instance has a node.
std::set<std::uint32_t> occupied_slots(const World& world, const std::vector<Joined>& instances, bool by_strict_ones) {
  std::set<std::uint32_t> occupied;
  for (const Joined& one : instances) {
    if (one.row == nullptr || one.row->node.empty()) continue;
    switch (one.bucket) {
      case Bucket::kMissing:
      case Bucket::kUnplaced:
      case Bucket::kCurrent:
      case Bucket::kGone:
        break;
      case Bucket::kOutdated:
      case Bucket::kDisplaced:
      case Bucket::kEvicted:
      case Bucket::kLost:
      case Bucket::kSurplus:
      case Bucket::kStopping:
        if (!by_strict_ones || is_strict(world, one.id)) occupied.insert(one.id.slot);
    }
  }
  return occupied;
}

// What may fill each slot, of the template that served last: for its current instance where that has not come, else
// beside it, if that may be.
std::map<std::uint32_t, InstanceId> stand_ins_of(const World& world, const AppName& name, const AppRow& app,
                                                 const std::vector<Joined>& instances, bool may_be_beside) {
  std::map<std::uint32_t, InstanceId> stand_ins;
  const std::uint64_t live = app.state.live;
  if (!has_stand_ins(world, app)) return stand_ins;
  const auto is_filled_from_here = [&](const Joined& one) {
    const bool has_never_come = one.bucket == Bucket::kUnplaced && one.id.attempt == 1;
    const bool is_there = one.bucket == Bucket::kUnplaced || one.bucket == Bucket::kCurrent;
    return one.bucket == Bucket::kMissing || has_never_come || (is_there && may_be_beside);
  };
  std::map<std::uint32_t, std::uint32_t> attempts = app.retired_live;
  for (const Joined& one : instances)
    if (one.id.rollout == live) attempts[one.id.slot] = std::max(attempts[one.id.slot], one.id.attempt);
  for (const Joined& one : instances)
    if (is_filled_from_here(one))
      stand_ins[one.id.slot] = {name.tenant, name.app, one.id.slot, live, attempts[one.id.slot] + 1};
  return stand_ins;
}

bool is_on_silent_node(const World& world, const Joined& one) {
  const NodeRow* const node = world.nodes.find(one.row->node);
  return node == nullptr || node->health != NodeHealth::kReady;
}

// Those that an old template holds, and those in which nothing was yet. Whatever else comes to a slot replaces what was
// there, which is no operation's work.
std::set<std::uint32_t> queueing_slots(const World& world, const AppName& name, const RolloutFacts& facts) {
  std::set<std::uint32_t> queueing;
  if (has_turn(world, name)) return queueing;
  std::set<std::uint32_t> begun;
  std::set<std::uint32_t> stays;  // whatever else leaves the slot
  std::set<std::uint32_t> leaves;
  const auto is_filled = [&](const Joined& one) {
    return one.bucket == Bucket::kMissing && facts.stand_ins.contains(one.id.slot);
  };
  for (const Joined& one : facts.instances) {
    switch (one.bucket) {
      case Bucket::kMissing:
      case Bucket::kUnplaced:
        if (one.id.attempt == 1 && (facts.state.live == 0 || is_filled(one))) queueing.insert(one.id.slot);
        break;
      case Bucket::kOutdated:
        queueing.insert(one.id.slot);
        stays.insert(one.id.slot);
        break;
      case Bucket::kCurrent:
        begun.insert(one.id.slot);
        break;
      case Bucket::kDisplaced:
      case Bucket::kEvicted:
      case Bucket::kLost:
        leaves.insert(one.id.slot);
        break;
      case Bucket::kSurplus:
      case Bucket::kStopping:
      case Bucket::kGone:
        break;
    }
  }
  for (const std::uint32_t slot : leaves)
    if (!stays.contains(slot)) queueing.erase(slot);
  for (const std::uint32_t slot : begun) queueing.erase(slot);
  return queueing;
}

// Our own blindness is held against no template, and neither is a queue.
bool clock_stands_still(const World& world, const AppName& name, const RolloutFacts& facts, Time now) {
  if (is_isolated(world, now)) return true;
  const auto is_unseen = [&](const Joined& one) {
    return one.bucket == Bucket::kCurrent && is_on_silent_node(world, one);
  };
  if (std::any_of(facts.instances.begin(), facts.instances.end(), is_unseen)) return true;
  const auto is_under_way = [&](const Joined& one) {
    return (one.bucket == Bucket::kUnplaced && !facts.queueing.contains(one.id.slot)) ||
           (one.bucket == Bucket::kCurrent && !one.serves);
  };
  return !has_turn(world, name) && std::none_of(facts.instances.begin(), facts.instances.end(), is_under_way);
}

// Both times are moved on by as long as they have stood still.
void move_on(RolloutClock& clock, bool stands_still, Time now) {
  if (clock.progressed == Time{}) clock.progressed = now;
  if (clock.stopped) clock.progressed += now - *clock.stopped;
  if (clock.stopped && clock.baking) *clock.baking += now - *clock.stopped;
  clock.stopped = stands_still ? std::optional(now) : std::nullopt;
}

}  // namespace

RolloutPolicy rollout_policy(const World& world, const App& app) {
  if (app.spec.rollout) return *app.spec.rollout;
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  if (tenant != nullptr && tenant->tenant->spec.rollout) return *tenant->tenant->spec.rollout;
  return {};
}

RolloutFacts facts_of(const World& world, const AppName& name, const AppRow& app, Now now) {
  RolloutFacts facts;
  facts.instances = diff_app(world, name, app, now.boot);
  facts.replicas = app.app->spec.replicas;
  const Shared<BootSpec>* const current = world.templates.find({name, app.rollout});
  facts.checked = current == nullptr || (*current)->check.has_value();
  facts.is_job = is_job(*app.app);
  facts.restart = app.app->spec.run.restart.policy;
  facts.policy = rollout_policy(world, *app.app);
  // A way back is not measured by what it leads away from.
  if (!app.history.empty() && app.history.back().automatic)
    facts.policy.gate.boot_factor = facts.policy.gate.restart_factor = 0;
  facts.current_is_strict = is_strict(world, {name.tenant, name.app, 0, app.rollout, 0});
  facts.live_is_strict = is_strict(world, {name.tenant, name.app, 0, app.state.live, 0});
  const bool any_is_strict = facts.current_is_strict || facts.live_is_strict;
  facts.stand_ins = stand_ins_of(world, name, app, facts.instances, !any_is_strict);
  if (was_ever_strict(world, name)) {
    facts.taken = occupied_slots(world, facts.instances, true);
    facts.occupied = occupied_slots(world, facts.instances, false);
    const bool strict = facts.current_is_strict || (facts.live_is_strict && !facts.stand_ins.empty());
    facts.held = slots_held_by_strays(world, name, strict, now.boot);
    facts.taken.insert(facts.held.slots.begin(), facts.held.slots.end());
  }
  facts.max_disrupted = app.app->spec.disruption.max_unavailable;
  facts.follows_job = !facts.is_job && ran_as_job(app, app.state.live);
  facts.state = app.state;
  facts.ready_since = &world.clocks.ready_since;
  const RolloutClock* const clock = world.clocks.rollouts.find(name);
  if (clock != nullptr && clock->rollout == app.rollout) facts.clock = *clock;
  facts.clock.rollout = app.rollout;
  facts.queueing = queueing_slots(world, name, facts);
  facts.stands_still = clock_stands_still(world, name, facts, now.boot);
  move_on(facts.clock, facts.stands_still, now.boot);
  facts.now = now.boot;
  facts.wall = now.wall;
  return facts;
}

bool has_stand_ins(const World& world, const AppRow& app) {
  const AppName name = app.app->name();
  const std::uint64_t live = app.state.live;
  const bool is_known =
      world.templates.contains({name, live}) && live / kRolloutsPerRecovery == world.cluster.epoch.recovery_count;
  return is_known && !is_job(*app.app) && !ran_as_job(app, live) &&
         !CurrentTemplate(world, name, app.rollout).covers(live);
}

bool may_go_blue_green(const World& world, const AppRow& app) {
  const AppName name = app.app->name();
  if (app.state.live == 0 || is_strict(world, {name.tenant, name.app, 0, app.state.live, 0})) return false;
  CurrentTemplate live(world, name, app.state.live);
  std::set<std::uint32_t> with_live, with_others;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kStop || row.node.empty() || id.slot >= app.app->spec.replicas) return;
    (live.covers(id.rollout) ? with_live : with_others).insert(id.slot);
  });
  return std::ranges::includes(with_live, with_others);
}

std::string_view name_of(RolloutStrategy strategy) {
  switch (strategy) {
    case RolloutStrategy::kRolling:
      return "rolling";
    case RolloutStrategy::kCanary:
      return "canary";
    case RolloutStrategy::kBlueGreen:
      return "blueGreen";
  }
  UNIK_CHECK(false, "a strategy outside the enumeration");
}

}  // namespace unik::controller
