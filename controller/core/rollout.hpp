// Replaces old instances by current ones without a gap, and judges whether that should go on.
//
// An instance is old when its template is (a changed app) or when its node is to be left (drain, taint, loss). In each
// slot the new one comes first, as many at a time as the policy allows; the old one is stopped when the new one has
// proved itself, and no more serve nowhere than may be missing. A strict singleton goes the other way round: the old
// one stops, as many at a time as may be missing, and nothing new comes to its slot before it is gone. What does not
// serve is no reason to wait; what is on a silent node neither serves nor is given up. While the rollout is held, what
// a slot lacks that it has not reached, and what leaves a slot in which the new one does not serve, is followed by a
// stand-in of the template that served last. Pure: everything is in the arguments.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {

// The app's own policy, else its tenant's, else the default.
RolloutPolicy rollout_policy(const World& world, const App& app);

// How long an instance that no check asks has to run before it may replace one that serves: a program that dies at once
// has served for a moment too. Where the gate says how long, that counts.
inline constexpr Duration kUncheckedProof = std::chrono::seconds(2);

// What the policies decide from.
struct RolloutFacts {
  std::vector<Joined> instances;
  std::uint32_t replicas = 0;
  bool checked = true;  // a health check says whether an instance serves
  bool is_job = false;  // done when its instances have ended, not when they run
  RestartPolicy restart = RestartPolicy::kAlways;
  RolloutPolicy policy;
  bool current_is_strict = false;
  bool live_is_strict = false;
  std::set<std::uint32_t> taken;     // slots in which what is strict is to be seen gone before another may come
  std::set<std::uint32_t> occupied;  // slots in which that is so where what comes is strict
  HeldSlots held;                    // of these, those held by what is none of the app's instances
  std::uint32_t max_disrupted = 1;   // instances that may be moved off their nodes at a time
  std::map<std::uint32_t, InstanceId> stand_ins;  // by slot: what would come of the template that served last
  RolloutState state;
  const CowMap<InstanceId, Time>* ready_since = nullptr;
  RolloutClock clock;
  bool stands_still = false;         // the clock does: nobody sees what becomes of the current instances
  std::set<std::uint32_t> queueing;  // slots in which the current template waits for its operation's turn to begin
  Time now;
  WallTime wall{};  // only to tell how old instances are
};

struct RolloutSteps {
  std::vector<InstanceId> create;             // or, of a stand-in that is there, place
  std::map<std::uint32_t, InstanceId> comes;  // by slot: what holds it when all that goes has gone
  std::set<std::uint32_t> taken;              // slots in which nothing comes before what is there has been seen gone
  std::vector<InstanceId> stop;
  std::vector<std::pair<InstanceId, std::string>> holds;  // what stays for now or comes later, and why
  std::optional<Time> wake_at;                            // when waiting alone may change something
  std::uint32_t arrived = 0;                              // slots whose current instance has proved itself
  bool canaries_arrived = false;
  bool canaries_stay = true;  // none of them has been seen not to serve
  bool promote = false;       // the canaries have baked
  bool switch_ports = false;  // blue/green: nothing that holds the published ports serves, and something else does
  bool complete =
      false;  // every slot is served by the current template, or its job has ended well; nothing old is left
};

// What the World holds for the policies to decide from. `now` is also where a clock that stands still is moved to.
RolloutFacts facts_of(const World& world, const AppName& name, const AppRow& app, Now now);

// Whether the template that served last may fill what the current one is kept out of. Not of a job, which would be run
// again, and not under a number whose attempts a lost history may have used.
bool has_stand_ins(const World& world, const AppRow& app);

// Whether the published ports may be left to what runs the template that served last: it is in every slot that has
// anything.
bool may_go_blue_green(const World& world, const AppRow& app);

std::string_view name_of(RolloutStrategy strategy);

RolloutSteps plan_rollout(const RolloutFacts& facts);

// Why the current template must not go on; none while there is nothing to hold against it.
struct Verdict {
  std::string reason;  // `crash_loop`, `progress_deadline`, `boot_time`, `restarts`
  std::string message;
};
std::optional<Verdict> judge_rollout(const RolloutFacts& facts);

bool waits_for_canaries(const RolloutFacts& facts);

// Whether all instances of a job run or have ended: how long they take is their own affair.
bool waits_for_end(const RolloutFacts& facts);

// When `judge_rollout` should be asked again although nothing has happened.
Time judged_again_at(const RolloutFacts& facts);

}  // namespace unik::controller
