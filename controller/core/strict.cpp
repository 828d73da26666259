#include "controller/core/strict.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "api/lease.hpp"
#include "controller/core/diff.hpp"

namespace unik::controller {
namespace {

// Of what the lost history started the template may be lost too.
bool may_be_strict(const World& world, const InstanceId& id) {
  return !world.templates.contains({id.app_name(), id.rollout}) || is_strict(world, id);
}

bool is_of_slot(const InstanceId& id, const InstanceId& other) {
  return id.app_name() == other.app_name() && id.slot == other.slot;
}

// What is in no goal is not started again.
bool is_seen_stopped(const World& world, const StrayKey& key) {
  const Observed* const observed = world.observed.find(key.node);
  if (observed == nullptr) return false;
  const std::vector<SeenInstance>& seen = observed->report->body->instances;
  return std::ranges::none_of(seen,
                              [&](const SeenInstance& one) { return one.id == key.id && !is_final(*one.status); });
}

// What is in quarantine without a lease goes on: a strict singleton of its slot, which has stopped by itself, would
// come back beside it. Another one comes when somebody has decided.
void give_way_to_quarantined(Draft& draft) {
  std::map<InstanceId, InstanceId> leaving;  // by what holds its slot
  for (const auto& [key, stray] : draft.world().strays) {
    if (!stray.quarantined || is_strict(draft.world(), key.id) || is_seen_stopped(draft.world(), key)) continue;
    for_each_instance(draft.world(), key.id.app_name(), [&](const InstanceId& id, const InstanceRow& row) {
      const bool would_go_on = row.goal == InstanceGoal::kRun && !row.node.empty() && is_strict(draft.world(), id);
      if (would_go_on && is_of_slot(id, key.id)) leaving.emplace(id, key.id);
    });
  }
  for (const auto& [id, holder] : leaving) {
    InstanceRow row = *draft.world().instances.find(id);
    row.goal = InstanceGoal::kStop;
    row.goal_revision = draft.world().revision;
    draft.change(
        PutInstance{id,
                    std::move(row),
                    {std::string(to_string(Bucket::kSurplus)), to_string(holder) + ", in quarantine, holds its slot"}});
  }
}

}  // namespace

std::optional<InstanceId> strict_instance_on(const World& world, Symbol node) {
  std::optional<InstanceId> found;
  for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow&) {
    if (!found && is_strict(world, id)) found = id;
  });
  return found;
}

std::optional<Time> all_leases_over_at(const World& world, Symbol node) {
  bool any = strict_instance_on(world, node).has_value();
  for_each_stray(world, node, [&](const InstanceId& id, const StrayRow&) { any |= may_be_strict(world, id); });
  return any ? std::optional(heard(world, node) + kStrictLease + kStrictMargin) : std::nullopt;
}

HeldSlots slots_held_by_strays(const World& world, const AppName& app, bool next_is_strict, Time now) {
  HeldSlots held;
  for (const auto& [key, row] : world.strays) {
    if (key.id.app_name() != app || (!next_is_strict && !is_strict(world, key.id))) continue;
    const Time over = heard(world, key.node) + kStrictLease + kStrictMargin;
    const bool has_lease = !row.quarantined && may_be_strict(world, key.id);
    if (has_lease && row.goal_revision < world.revision && now >= over) continue;
    held.slots.insert(key.id.slot);
    if (has_lease) held.until = held.until ? std::min(*held.until, over) : over;
  }
  return held;
}

std::optional<InstanceId> contender(const World& world, Symbol node, const InstanceId& id) {
  std::optional<InstanceId> found;
  const bool alone = may_be_strict(world, id);
  const auto contends = [&](const InstanceId& other) {
    return is_of_slot(id, other) && (alone || is_strict(world, other));
  };
  for_each_instance(world, id.app_name(), [&](const InstanceId& other, const InstanceRow& row) {
    if (!row.node.empty() && contends(other)) found = other;
  });
  for (const auto& [key, row] : world.strays)
    if (key != StrayKey{node, id} && contends(key.id)) found = key.id;
  return found;
}

bool end_wait_for_leases(Draft& draft) {
  ClusterRow cluster = draft.world().cluster;
  if (!cluster.awaits_leases || draft.world().history_lost) return false;
  const Time over = draft.world().started + kStrictLease + kStrictMargin;
  if (draft.now().boot < over) return draft.wake_at(over), false;
  cluster.awaits_leases = false;
  draft.because("controller", "the leases of the lost history are over");
  draft.change(PutCluster{std::move(cluster)});
  give_way_to_quarantined(draft);
  return true;
}

}  // namespace unik::controller
