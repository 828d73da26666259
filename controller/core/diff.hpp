// The full outer join of what is wanted, assigned and observed. Every instance falls into one bucket, with a reason.
//
// Absence is believed only of a node that has stored the goals which ask for it; a node that has said nothing since
// this controller started is unknown, and nothing is planned on unknown.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::controller {

// What a node's newest report says of one instance.
enum class Sighting : std::uint8_t {
  kUnknown,  // no report yet, or one from before the node stored the goal
  kPresent,
  kAbsent,  // the node has stored the goal and does not list the instance
};

enum class Bucket : std::uint8_t {
  kMissing,    // wanted, no row: create one
  kUnplaced,   // wanted, without a node: look for one
  kCurrent,    // wanted, assigned, of the current template: leave it
  kOutdated,   // of an older template: replace it when the rollout lets it; a stand-in may still look for a node
  kDisplaced,  // its node is being emptied: replace it elsewhere, then stop it
  kEvicted,    // its node is being emptied and will wait no longer: stop it
  kLost,       // its node has been silent for too long: replace it, and stop it once the replacement serves
  kSurplus,    // assigned to run, wanted no longer: stop it
  kStopping,   // asked to stop, not yet seen absent: wait
  kGone,       // asked to stop and seen absent: forget it
};

std::string_view to_string(Bucket bucket);

struct Joined {
  InstanceId id;  // of the row; for kMissing the id that it will have
  const InstanceRow* row = nullptr;
  Bucket bucket = Bucket::kMissing;
  std::string_view reason;
  bool serves = false;      // ready, says a node that is not silent and lists it
  bool may_serve = false;   // the same, or it was ready when its node, which is not lost, was last heard of it
  bool of_current = false;  // it runs what the app's current rollout runs
  bool of_live = false;     // it runs what the rollout ran that was served as a whole last
  bool on_lost_node = false;
  Time heard;  // when its node last reported
};

// Tells which instances run what the app's current rollout runs. The content decides: after a rollback, those that
// never left the old template are current.
class CurrentTemplate {
 public:
  CurrentTemplate(const World& world, const AppName& name, std::uint64_t rollout);
  bool covers(std::uint64_t rollout);

 private:
  const World& world_;
  const AppName name_;
  const std::uint64_t rollout_;
  std::map<std::uint64_t, bool> known_;
};

// What runs once: it has come true when it has ended.
bool is_job(const App& app);

// Whether `rollout` was replaced when the app was a job: what has ended of it has come true, and nothing of it comes
// again in a service.
bool ran_as_job(const AppRow& app, std::uint64_t rollout);

// And is not started again under its id: its agent may still start what has lost its goal.
bool has_ended(const InstanceStatus& status);

// By itself, with code 0.
bool ended_well(const InstanceStatus& status);

bool is_lost(const World& world, Symbol node);

// Lost, or without a report for long enough that nothing is known of what runs there.
bool is_silent(const World& world, Symbol node);

// Whether two instances of a slot must never run at once: so says the template that `id` was started with.
bool is_strict(const World& world, const InstanceId& id);

// When the lease of a strict instance has run out for certain, if its node stays silent; none of one that is not
// strict. A stop counts from when it is durable: a heartbeat that is answered while the commit is under way renews once
// more.
std::optional<Time> lease_over_at(const World& world, const InstanceId& id, const InstanceRow& row);

// Whether its planning failed: nothing of it is planned before its next generation.
bool is_frozen(const AppRow& row);

// Whether the current rollout runs what the app declares; not so after an automatic rollback. A restart by hand is no
// difference.
bool runs_what_is_declared(const World& world, const AppRow& app);
bool same_but_for_restarts(const BootSpec& a, const BootSpec& b);

// Whether and why a node is to be left by instances of `app`.
enum class Leaving : std::uint8_t { kNo, kDrain, kDrainOverdue, kTaint };

Leaving leaving(const World& world, const NodeRow& node, const App& app, Time now);

bool tolerates(const App& app, const Taint& taint);

// When the node was last heard, at the earliest when this controller started.
Time heard(const World& world, Symbol node);

Sighting sight(const World& world, Symbol node, const InstanceId& id, std::uint64_t goal_revision);

// Whether `accepted` shows that a node of this cluster has stored the goals of `revision` or later.
bool has_stored(const World& world, const Stamp& accepted, std::uint64_t revision);

// One app's instances, in the order of ids; pointers are valid until the World changes.
std::vector<Joined> diff_app(const World& world, const AppName& name, const AppRow& app, Time now);

}  // namespace unik::controller
