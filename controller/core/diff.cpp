#include "controller/core/diff.hpp"

#include <algorithm>
#include <map>

#include "api/check.hpp"

namespace unik::controller {
namespace {

Joined classify(const World& world, const AppRow& app, const InstanceId& id, const InstanceRow& row) {
  Joined joined{id, &row, Bucket::kCurrent, "as declared"};
  if (row.goal == InstanceGoal::kStop) {
    const bool never_placed = row.node.empty();
    const Sighting seen = never_placed ? Sighting::kAbsent : sight(world, row.node, id, row.goal_revision);
    switch (seen) {
      case Sighting::kAbsent:
        joined.bucket = Bucket::kGone;
        joined.reason = never_placed ? "it never had a node" : "its node has stored the goal and runs it no longer";
        break;
      case Sighting::kPresent:
        joined.bucket = Bucket::kStopping;
        joined.reason = "its node still runs it";
        break;
      case Sighting::kUnknown:
        joined.bucket = Bucket::kStopping;
        joined.reason = "its node has not yet said that it is gone";
        break;
    }
    return joined;
  }
  if (app.deleting || id.slot >= app.app->spec.replicas) {
    joined.bucket = Bucket::kSurplus;
    joined.reason = app.deleting ? "the app is being deleted" : "more replicas than declared";
  } else if (id.rollout != app.rollout) {
    joined.bucket = Bucket::kOutdated;
    joined.reason = "the template has changed";
  } else if (row.node.empty()) {
    joined.bucket = Bucket::kUnplaced;
    joined.reason = "no node fits yet";
  }
  return joined;
}

}  // namespace

std::string_view to_string(Bucket bucket) {
  switch (bucket) {
    case Bucket::kMissing: return "missing";
    case Bucket::kUnplaced: return "unplaced";
    case Bucket::kCurrent: return "current";
    case Bucket::kOutdated: return "outdated";
    case Bucket::kSurplus: return "surplus";
    case Bucket::kStopping: return "stopping";
    case Bucket::kGone: return "gone";
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
  const std::vector<ObservedInstance>& seen = observed->report->body.instances;
  const auto found = std::lower_bound(seen.begin(), seen.end(), id,
                                      [](const ObservedInstance& one, const InstanceId& wanted) { return one.id < wanted; });
  if (found != seen.end() && found->id == id) return Sighting::kPresent;
  return has_stored(world, observed->report->accepted_stamp, goal_revision) ? Sighting::kAbsent : Sighting::kUnknown;
}

std::vector<Joined> diff_app(const World& world, const AppName& name, const AppRow& app) {
  std::vector<Joined> joined;
  std::map<std::uint32_t, std::uint32_t> attempts = app.retired;  // the highest of each slot in the current rollout
  std::set<std::uint32_t> filled;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    joined.push_back(classify(world, app, id, row));
    const Bucket bucket = joined.back().bucket;
    if (bucket == Bucket::kCurrent || bucket == Bucket::kUnplaced) filled.insert(id.slot);
    if (id.rollout != app.rollout) return;
    std::uint32_t& attempt = attempts[id.slot];
    attempt = std::max(attempt, id.attempt);
  });
  if (app.deleting) return joined;
  for (std::uint32_t slot = 0; slot < app.app->spec.replicas; ++slot) {
    if (filled.contains(slot)) continue;
    const InstanceId id{name.tenant, name.app, slot, app.rollout, attempts[slot] + 1};
    joined.push_back({id, nullptr, Bucket::kMissing, "declared and not there"});
  }
  std::sort(joined.begin(), joined.end(), [](const Joined& a, const Joined& b) { return a.id < b.id; });
  return joined;
}

}  // namespace unik::controller
