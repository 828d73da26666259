#include "tests/sim/budget_checks.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <variant>

#include "controller/core/diff.hpp"
#include "controller/core/rollout_facts.hpp"
#include "tests/sim/fleet_checks.hpp"

namespace unik::sim {
namespace {

using namespace controller;

// A turn may be planned later than the World was published that its clocks are read from.
constexpr Duration kTurnSlack = std::chrono::seconds(10);

// Reached by its clients as far as anybody can tell; of a node that is silent nobody can.
bool may_serve(const World& world, const InstanceRow& row) {
  return !row.node.empty() && !is_lost(world, row.node) && is_ready(*row.status);
}
bool is_seen_to_serve(const World& world, const InstanceRow& row) {
  return may_serve(world, row) && !is_silent(world, row.node);
}
bool serves(const World& world, const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && is_seen_to_serve(world, row);
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

// A job ends where it is, and is replaced only by another template.
bool is_leaving(const World& world, const App& app, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  if (row != nullptr && is_job(app)) return false;
  return row == nullptr || leaving(world, *row, app, world.as_of) != Leaving::kNo;
}

// An app that the record neither creates nor deletes. A namesake that is declared while the one before goes has nothing
// of its own to keep up.
const AppRow* same_app_before(const World& before, const AppName& name, const AppRow& app) {
  const AppRow* const was = before.apps.find(name);
  const bool same =
      was != nullptr && !was->deleting && !app.deleting && was->app->metadata.uid == app.app->metadata.uid;
  return same ? was : nullptr;
}

bool is_canary_behind(const World& world, const AppRow& app, std::uint32_t slot) {
  const RolloutPolicy policy = rollout_policy(world, *app.app);
  const std::uint32_t canaries = (app.app->spec.replicas * policy.canary.percent + 99) / 100;
  return policy.strategy == RolloutStrategy::kCanary && !app.state.promoted && slot >= canaries;
}

// Whether something strict is in the slot, comes to it, or may be left of it.
bool is_strict_slot(const World& world, const AppName& name, const AppRow& app, std::uint32_t slot) {
  bool strict = is_strict(world, {name.tenant, name.app, slot, app.rollout, 0}) ||
                is_strict(world, {name.tenant, name.app, slot, app.state.live, 0});
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow&) {
    strict |= id.slot == slot && is_strict(world, id);
  });
  for (const auto& [key, row] : world.strays) strict |= key.id.app_name() == name && key.id.slot == slot;
  return strict;
}

bool runs_anything_strict(const World& world, const AppName& name) {
  bool strict = false;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow&) { strict |= is_strict(world, id); });
  return strict;
}

std::set<AppName> apps_that_stop(const Record& record) {
  std::set<AppName> apps;
  for (const Change& change : record.changes)
    if (const auto* const put = std::get_if<PutInstance>(&change); put && put->row.goal == InstanceGoal::kStop)
      apps.insert(put->id.app_name());
  return apps;
}

// The record makes an instance stop that may serve.
template <typename Visit>
void for_each_stopped(const World& before, const World& after, const AppName& name, Visit visit) {
  for_each_instance(after, name, [&](const InstanceId& id, const InstanceRow& row) {
    const InstanceRow* const was = before.instances.find(id);
    const bool stops = was != nullptr && was->goal == InstanceGoal::kRun && row.goal == InstanceGoal::kStop;
    if (stops && may_serve(after, row) && !has_lost_its_lease(before, after, id)) visit(id, row);
  });
}

constexpr std::uint32_t kNoBudget = std::numeric_limits<std::uint32_t>::max();

// A slot that serves no more, and why.
struct Taken {
  InstanceId id;
  std::string_view cause;
  std::uint32_t budget = 0;
};

Taken taken_by(const World& after, const AppRow& app, bool is_current, const InstanceId& id, const InstanceRow& row) {
  const bool strict = is_strict_slot(after, id.app_name(), app, id.slot);
  if (is_leaving(after, *app.app, row.node))
    return {id, "a move", strict ? app.app->spec.disruption.max_unavailable : 0};
  if (is_current) return {id, "nothing", 0};
  const std::uint32_t stated = app.state.blue_green ? 0 : rollout_policy(after, *app.app).max_unavailable;
  return {id, strict ? "a rollout of what is strict" : "a rollout", strict ? std::max(stated, 1U) : stated};
}

void check_budget_of(const World& before, const World& after, const World& loop, const AppName& name, const AppRow& app,
                     std::vector<std::string>& broken) {
  std::set<std::uint32_t> serving;
  std::set<std::uint32_t> kept;  // by what may serve, on a node that is silent
  for_each_instance(after, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (id.slot >= app.app->spec.replicas) return;
    if (serves(after, row) || has_served(row)) serving.insert(id.slot);
    if (row.goal == InstanceGoal::kRun && may_serve(after, row)) kept.insert(id.slot);
  });
  std::map<std::uint32_t, Taken> taken;  // by slot
  // What the record goes back to at its end may have been old at its begin.
  CurrentTemplate began_with(before, name, before.apps.find(name)->rollout);
  CurrentTemplate current(after, name, app.rollout), live(after, name, app.state.live);
  for_each_stopped(before, after, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (id.slot >= app.app->spec.replicas || serving.contains(id.slot) || kept.contains(id.slot)) return;
    // Before a blue/green rollout switches, nobody is led to anything but what served last.
    if (app.state.blue_green && !live.covers(id.rollout)) return;
    const bool is_current = current.covers(id.rollout) && began_with.covers(id.rollout);
    taken[id.slot] = is_forced(loop, after, *app.app, row.node) ? Taken{id, "nobody", kNoBudget}
                                                                : taken_by(after, app, is_current, id, row);
  });
  if (taken.empty()) return;
  // As if those with the least budget had gone first: each must find its own kept.
  std::vector<Taken> order;
  for (auto& [slot, one] : taken) order.push_back(one);
  std::ranges::stable_sort(order, {}, &Taken::budget);
  std::uint32_t missing = app.app->spec.replicas - static_cast<std::uint32_t>(serving.size() + taken.size());
  for (const Taken& one : order) {
    ++missing;
    if (one.cause == "a rollout" && is_canary_behind(after, app, one.id.slot))
      broken.push_back("canary: " + to_string(one.id) + " is stopped before the canaries have proved themselves");
    if (missing <= one.budget) continue;
    broken.push_back("unavailable: " + to_string(one.id) + " is stopped for " + std::string(one.cause) + ", and " +
                     std::to_string(missing) + " of " + std::to_string(app.app->spec.replicas) +
                     " are missing then at record " + std::to_string(after.revision) + ", may be " +
                     std::to_string(one.budget));
  }
}

// The slots in which something of the current template is, or is to come, beside something old that serves where it may
// stay.
std::set<std::uint32_t> slots_side_by_side(const World& world, const AppName& name, const AppRow& app) {
  std::set<std::uint32_t> with_old, with_new, both;
  CurrentTemplate current(world, name, app.rollout);
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal != InstanceGoal::kRun) return;
    const bool stays = row.node.empty() || (!is_lost(world, row.node) && !is_leaving(world, *app.app, row.node));
    if (!stays) return;
    if (current.covers(id.rollout)) with_new.insert(id.slot);
    if (!current.covers(id.rollout) && may_serve(world, row)) with_old.insert(id.slot);
  });
  std::ranges::set_intersection(with_old, with_new, std::inserter(both, both.end()));
  return both;
}

}  // namespace

std::vector<std::string> check_budgets(const World& before, const World& after, const Record& record,
                                       const World& loop) {
  std::vector<std::string> broken;
  for (const AppName& name : apps_that_stop(record)) {
    const AppRow* const app = after.apps.find(name);
    if (app != nullptr && same_app_before(before, name, *app) != nullptr)
      check_budget_of(before, after, loop, name, *app, broken);
  }
  return broken;
}

std::vector<std::string> check_surge(const World& before, const World& after, const Record& record) {
  std::map<AppName, std::vector<InstanceId>> created;
  std::set<AppName> blue_green;  // at some time while the record was planned
  for (const Change& change : record.changes) {
    const auto* const declared = std::get_if<PutApp>(&change);
    if (declared != nullptr && declared->row.state.blue_green) blue_green.insert(declared->row.app->name());
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.goal != InstanceGoal::kRun || before.instances.contains(put->id)) continue;
    if (!before.strays.contains({put->row.node, put->id})) created[put->id.app_name()].push_back(put->id);
  }
  std::vector<std::string> broken;
  for (const auto& [name, ids] : created) {
    const AppRow* const app = after.apps.find(name);
    const AppRow* const was = app == nullptr ? nullptr : same_app_before(before, name, *app);
    if (was == nullptr || was->state.blue_green || app->state.blue_green || blue_green.contains(name)) continue;
    // Where what runs is strict in part, that goes first, and what was about to make way may stay for it.
    if (runs_anything_strict(before, name) || runs_anything_strict(after, name)) continue;
    const std::set<std::uint32_t> both = slots_side_by_side(after, name, *app);
    CurrentTemplate current(after, name, app->rollout);
    for (const InstanceId& id : ids) {
      if (!current.covers(id.rollout) || !both.contains(id.slot)) continue;
      if (is_strict_slot(after, name, *app, id.slot)) continue;  // a row for what waits until the slot is free
      const std::uint32_t surge = rollout_policy(after, *app->app).max_surge;
      if (both.size() > surge)
        broken.push_back("surge: " + to_string(id) + " comes beside what serves in " + std::to_string(both.size()) +
                         " slots at record " + std::to_string(after.revision) + ", may in " + std::to_string(surge));
      if (app->state.phase != RolloutPhase::kDone && is_canary_behind(after, *app, id.slot))
        broken.push_back("canary: " + to_string(id) + " comes before the canaries have proved themselves");
    }
  }
  return broken;
}

std::vector<std::string> check_gates(const World& before, const World& after, const Record& record, const World& loop,
                                     Time now, const ReadySince& ready_since) {
  std::vector<std::string> broken;
  for (const AppName& name : apps_that_stop(record)) {
    const AppRow* const found = after.apps.find(name);
    if (found == nullptr || same_app_before(before, name, *found) == nullptr) continue;
    const AppRow& app = *found;
    CurrentTemplate current(after, name, app.rollout);
    const Duration proof = rollout_policy(after, *app.app).gate.healthy_for;
    for_each_stopped(before, after, name, [&](const InstanceId& id, const InstanceRow& row) {
      if (id.slot >= app.app->spec.replicas || !is_seen_to_serve(after, row)) return;
      const bool replaced = !current.covers(id.rollout) || is_leaving(after, *app.app, row.node);
      if (!replaced || is_forced(loop, after, *app.app, row.node) || is_strict_slot(after, name, app, id.slot)) return;
      bool any = false, all_leave = true;
      std::set<std::uint32_t> proved;  // slots
      for_each_instance(after, name, [&](const InstanceId& other, const InstanceRow& there) {
        if (other.slot >= app.app->spec.replicas || (!serves(after, there) && !has_served(there))) return;
        const std::optional<Time> since = ready_since(other);
        if (!current.covers(other.rollout) || has_served(there) || !since || now - *since >= proof)
          proved.insert(other.slot);
        if (other.slot != id.slot) return;
        any = true;
        all_leave &= is_leaving(after, *app.app, there.node);
      });
      // What has to leave itself is no successor: beside it an old one goes as if nothing were there, by the budget.
      const std::size_t missing = app.app->spec.replicas - proved.size();
      const bool goes_first =
          all_leave && !app.state.blue_green && missing <= rollout_policy(after, *app.app).max_unavailable;
      if (any && !proved.contains(id.slot) && !goes_first)
        broken.push_back("gate: " + to_string(id) + " is stopped at record " + std::to_string(after.revision) +
                         " for a successor that has not served for " + format_duration(proof));
    });
  }
  return broken;
}

}  // namespace unik::sim
