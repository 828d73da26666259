#include "controller/core/diff.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "api/check.hpp"
#include "api/lease.hpp"

namespace unik::controller {
namespace {

Joined joined(const InstanceId& id, const InstanceRow& row, Bucket bucket, std::string_view reason) {
  Joined out;
  out.id = id;
  out.row = &row;
  out.bucket = bucket;
  out.reason = reason;
  return out;
}

// An instance that was asked to stop.
Joined classify_stopping(const World& world, const InstanceId& id, const InstanceRow& row, Time now) {
  if (row.node.empty()) return joined(id, row, Bucket::kGone, "no node has it");
  const Sighting seen = sight(world, row.node, id, row.goal_revision);
  if (seen == Sighting::kAbsent)
    return joined(id, row, Bucket::kGone, "its node has stored the goal and runs it no longer");
  const bool durable = row.goal_revision < world.revision;
  if (const auto over = lease_over_at(world, id, row); durable && over && now >= *over)
    return joined(id, row, Bucket::kGone, "its node is silent, and its lease has run out");
  return joined(id, row, Bucket::kStopping,
                is_silent(world, row.node)   ? "its node is silent, and has not said that it is gone"
                : seen == Sighting::kPresent ? "its node still runs it"
                                             : "its node has not yet said that it is gone");
}

// What its node means for an instance; `kCurrent` when nothing. What has ended has nothing left to move, and a job that
// runs is let end before a drain's deadline: another one beside it would do its work twice.
Joined classify_by_node(const World& world, const AppRow& app, const InstanceId& id, const InstanceRow& row, Time now) {
  if (has_ended(*row.status)) return joined(id, row, Bucket::kCurrent, "it has ended");
  const NodeRow* const node = world.nodes.find(row.node);
  UNIK_CHECK(node != nullptr, "an instance on a node that is not there");
  const Disconnect& disconnect = app.app->spec.disconnect;
  const bool lost = is_lost(world, row.node);
  if (lost && disconnect.replace && now >= heard(world, row.node) + disconnect.lost_after)
    return joined(id, row, Bucket::kLost, "its node has been silent for too long");
  const Leaving way = leaving(world, *node, *app.app, now);
  if (lost && !disconnect.replace && way != Leaving::kDrainOverdue)
    return joined(id, row, Bucket::kCurrent, "its node is lost, and its app waits for it: disconnect.replace is off");
  switch (way) {
    case Leaving::kNo:
      return joined(id, row, Bucket::kCurrent,
                    lost ? "its node is lost, and it is replaced when disconnect.lostAfter has passed"
                    : is_silent(world, row.node) ? "its node is silent: nobody knows what becomes of it"
                                                 : "of the current template");
    case Leaving::kDrain:
      if (is_job(*app.app))
        return joined(id, row, Bucket::kCurrent, "its node is being drained, and waits for it to end");
      return joined(id, row, Bucket::kDisplaced, "its node is being drained");
    case Leaving::kTaint:
      if (is_job(*app.app)) return joined(id, row, Bucket::kCurrent, "it ends before its node's taint counts");
      return joined(id, row, Bucket::kDisplaced, "its node has a taint that it does not tolerate");
    case Leaving::kDrainOverdue:
      return joined(id, row, Bucket::kEvicted, "its node is being drained and waits no longer");
  }
  UNIK_CHECK(false, "a way of leaving outside the enumeration");
}

// It ended under another policy than the app's of today. An agent starts nothing again that has ended: so its room
// could go to others.
bool is_wanted_again(const App& app, const InstanceStatus& status) {
  return has_ended(status) && status.last_exit && starts_again(app.spec.run.restart.policy, *status.last_exit);
}

Joined classify(const World& world, const AppRow& app, CurrentTemplate& current, CurrentTemplate& live,
                const InstanceId& id, const InstanceRow& row, Time now) {
  if (row.goal == InstanceGoal::kStop) return classify_stopping(world, id, row, now);
  if (app.deleting) return joined(id, row, Bucket::kSurplus, "the app is being deleted");
  if (id.slot >= app.app->spec.replicas) return joined(id, row, Bucket::kSurplus, "more replicas than declared");
  if (row.node.empty() && current.covers(id.rollout)) return joined(id, row, Bucket::kUnplaced, "no node fits yet");
  if (row.node.empty())
    return joined(id, row, live.covers(id.rollout) ? Bucket::kOutdated : Bucket::kSurplus,
                  live.covers(id.rollout) ? "it stands in, and no node fits yet"
                                          : "its template was replaced before it had a node");
  const auto is_of_what_comes = [&] {
    return current.covers(id.rollout) || (live.covers(id.rollout) && !ran_as_job(app, app.state.live));
  };
  if (is_wanted_again(*app.app, *row.status) && is_of_what_comes())
    return joined(id, row, Bucket::kSurplus, "it has ended, and its app's restart policy wants another in its place");
  Joined by_node = classify_by_node(world, app, id, row, now);
  if (by_node.bucket == Bucket::kCurrent && !current.covers(id.rollout))
    return joined(id, row, Bucket::kOutdated, "the template has changed");
  return by_node;
}

// Of two that could hold a slot: the one that serves, or may, else the one that has a node which is not lost, else the
// older.
bool is_better(const Joined& a, const Joined& b) {
  const auto rank = [](const Joined& one) {
    return std::tuple(!one.serves, !one.may_serve, one.bucket == Bucket::kUnplaced, one.on_lost_node,
                      one.row->created_at, one.id);
  };
  return rank(a) < rank(b);
}

// Leaves one current instance in each slot.
void settle_rivals(std::vector<Joined>& joined) {
  std::map<std::uint32_t, Joined*> holders;
  for (Joined& instance : joined) {
    if (instance.bucket != Bucket::kCurrent && instance.bucket != Bucket::kUnplaced) continue;
    Joined*& holder = holders[instance.id.slot];
    if (holder == nullptr) {
      holder = &instance;
      continue;
    }
    Joined* const loser = is_better(instance, *holder) ? std::exchange(holder, &instance) : &instance;
    // It may still come back before the other one serves.
    loser->bucket = loser->on_lost_node ? Bucket::kLost : Bucket::kSurplus;
    loser->reason =
        loser->on_lost_node ? "its node is lost, and it is being replaced" : "another instance holds its slot";
  }
}

}  // namespace

std::string_view to_string(Bucket bucket) {
  switch (bucket) {
    case Bucket::kMissing:
      return "missing";
    case Bucket::kUnplaced:
      return "unplaced";
    case Bucket::kCurrent:
      return "current";
    case Bucket::kOutdated:
      return "outdated";
    case Bucket::kDisplaced:
      return "displaced";
    case Bucket::kEvicted:
      return "evicted";
    case Bucket::kLost:
      return "lost";
    case Bucket::kSurplus:
      return "surplus";
    case Bucket::kStopping:
      return "stopping";
    case Bucket::kGone:
      return "gone";
  }
  UNIK_CHECK(false, "a bucket outside the enumeration");
}

bool has_stored(const World& world, const Stamp& accepted, std::uint64_t revision) {
  return accepted.cluster_id == world.cluster.cluster_id &&
         accepted.epoch.recovery_count == world.cluster.epoch.recovery_count && accepted.revision >= revision;
}

Sighting sight(const World& world, Symbol node, const InstanceId& id, std::uint64_t goal_revision) {
  const Observed* const observed = world.observed.find(node);
  if (observed == nullptr) return Sighting::kUnknown;
  const std::vector<SeenInstance>& seen = observed->report->body->instances;
  const auto found = std::lower_bound(
      seen.begin(), seen.end(), id, [](const SeenInstance& one, const InstanceId& wanted) { return one.id < wanted; });
  if (found != seen.end() && found->id == id) return Sighting::kPresent;
  return has_stored(world, observed->report->accepted_stamp, goal_revision) ? Sighting::kAbsent : Sighting::kUnknown;
}

namespace {

// Its node has reported, and of something else: whatever the table says, nobody sees it serve.
bool is_unlisted(const World& world, Symbol node, const InstanceId& id) {
  return world.observed.contains(node) && sight(world, node, id, 0) != Sighting::kPresent;
}

}  // namespace

CurrentTemplate::CurrentTemplate(const World& world, const AppName& name, std::uint64_t rollout)
    : world_(world), name_(name), rollout_(rollout) {}

bool CurrentTemplate::covers(std::uint64_t rollout) {
  if (rollout == rollout_) return true;
  const auto [known, is_new] = known_.try_emplace(rollout, false);
  if (!is_new) return known->second;
  const Shared<BootSpec>* const one = world_.templates.find({name_, rollout});
  const Shared<BootSpec>* const current = world_.templates.find({name_, rollout_});
  known->second = one != nullptr && current != nullptr && *one == *current;
  return known->second;
}

bool is_job(const App& app) {
  return app.spec.run.restart.policy == RestartPolicy::kNever;
}

bool ran_as_job(const AppRow& app, std::uint64_t rollout) {
  const auto note = std::ranges::find(app.history, rollout, &TemplateNote::rollout);
  return note != app.history.end() && note->job;
}

bool is_frozen(const AppRow& row) {
  return row.frozen_generation == row.app->metadata.generation;
}

bool has_ended(const InstanceStatus& status) {
  return status.phase == Phase::kExited && status.reason != kNoGoal;
}

bool ended_well(const InstanceStatus& status) {
  return status.phase == Phase::kExited && status.last_exit && *status.last_exit == Exit{ExitKind::kExited, 0};
}

bool is_lost(const World& world, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  return row != nullptr && row->health == NodeHealth::kLost;
}

bool is_silent(const World& world, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  return row != nullptr && row->health != NodeHealth::kReady;
}

bool is_strict(const World& world, const InstanceId& id) {
  const Shared<BootSpec>* const boot = world.templates.find({id.app_name(), id.rollout});
  return boot != nullptr && (*boot)->singleton == Singleton::kStrict;
}

std::optional<Time> lease_over_at(const World& world, const InstanceId& id, const InstanceRow& row) {
  if (row.node.empty() || !is_strict(world, id)) return std::nullopt;
  return heard(world, row.node) + kStrictLease + kStrictMargin;
}

bool same_but_for_restarts(const BootSpec& a, const BootSpec& b) {
  BootSpec other = b;
  other.restart = a.restart;
  const auto known = [](const BootSpec& boot) { return !boot.check || boot.check->port != 0; };
  if (!known(a) || !known(b)) other.check = a.check;
  return a == other;
}

bool runs_what_is_declared(const World& world, const AppRow& app) {
  const Shared<BootSpec>* const boot = world.templates.find({app.app->name(), app.rollout});
  return boot != nullptr && same_but_for_restarts(**boot, app.app->spec.boot);
}

bool tolerates(const App& app, const Taint& taint) {
  const std::vector<Toleration>& all = app.spec.placement.tolerations;
  return std::any_of(all.begin(), all.end(), [&](const Toleration& one) {
    return one.key == taint.key && (!one.value || *one.value == taint.value);
  });
}

Leaving leaving(const World& world, const NodeRow& node, const App& app, Time now) {
  const Drain& drain = node.node->spec.drain;
  if (drain.enabled) {
    const NodeClock* const clock = world.clocks.nodes.find(Symbol(node.node->metadata.name));
    const bool overdue = clock != nullptr && clock->drain_began && now >= *clock->drain_began + drain.deadline;
    return drain.force || overdue ? Leaving::kDrainOverdue : Leaving::kDrain;
  }
  for (const Taint& taint : node.node->spec.taints)
    if (taint.effect == TaintEffect::kNoExecute && !tolerates(app, taint)) return Leaving::kTaint;
  return Leaving::kNo;
}

Time heard(const World& world, Symbol node) {
  const Observed* const observed = world.observed.find(node);
  return observed == nullptr ? world.started : observed->received;
}

std::vector<Joined> diff_app(const World& world, const AppName& name, const AppRow& app, Time now) {
  std::vector<Joined> joined;
  std::map<std::uint32_t, std::uint32_t> attempts = app.retired;  // the highest of each slot in the current rollout
  CurrentTemplate current(world, name, app.rollout), live(world, name, app.state.live);
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    Joined& one = joined.emplace_back(classify(world, app, current, live, id, row, now));
    one.of_current = current.covers(id.rollout);
    one.of_live = live.covers(id.rollout);
    one.on_lost_node = is_lost(world, row.node);
    one.heard = heard(world, row.node);
    one.may_serve = !row.node.empty() && !one.on_lost_node && is_ready(*row.status);
    one.serves = one.may_serve && !is_silent(world, row.node) && !is_unlisted(world, row.node, id);
    if (id.rollout != app.rollout) return;
    std::uint32_t& attempt = attempts[id.slot];
    attempt = std::max(attempt, id.attempt);
  });
  if (app.deleting) return joined;
  settle_rivals(joined);
  std::set<std::uint32_t> filled;
  for (const Joined& instance : joined)
    if (instance.bucket == Bucket::kCurrent || instance.bucket == Bucket::kUnplaced) filled.insert(instance.id.slot);
  for (std::uint32_t slot = 0; slot < app.app->spec.replicas; ++slot) {
    if (filled.contains(slot)) continue;
    const InstanceId id{name.tenant, name.app, slot, app.rollout, attempts[slot] + 1};
    Joined missing;
    missing.id = id;
    missing.reason = "declared and not there";
    joined.push_back(missing);
  }
  std::sort(joined.begin(), joined.end(), [](const Joined& a, const Joined& b) { return a.id < b.id; });
  return joined;
}

}  // namespace unik::controller
