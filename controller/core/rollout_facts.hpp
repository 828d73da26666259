// What is known of one app when its rollout is planned and judged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {

// The app's own policy, else its tenant's, else the default.
RolloutPolicy rollout_policy(const World& world, const App& app);

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
  bool follows_job = false;                       // what served last was a job, of which nothing comes
  RolloutState state;
  const CowMap<InstanceId, Time>* ready_since = nullptr;
  RolloutClock clock;
  bool stands_still = false;         // the clock does: nobody sees what becomes of the current instances
  std::set<std::uint32_t> queueing;  // slots in which the current template waits for its operation's turn to begin
  Time now;
  WallTime wall{};  // only to tell how old instances are
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

}  // namespace unik::controller
