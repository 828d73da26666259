// What is to be done about an instance: every one falls into exactly one bucket, which says why, and the move that is
// due in it, if any. Pure: planning repeats itself exactly, and a plan whose move was carried out is followed by the
// next one until there is nothing left to do but wait.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/core/instance.hpp"
#include "agent/core/lease.hpp"

namespace unik::agent {

inline constexpr Duration kBootDeadline = std::chrono::minutes(5);  // for a guest that never reports its app started

enum class Bucket : std::uint8_t {
  kGone,      // no goal, no VM, nothing left
  kStray,     // no goal names it, but it has a VM or the remains of one
  kAbsent,    // wanted absent, and it is
  kWithdraw,  // must stop; first it leaves the forwarder's table
  kStop,      // must stop
  kEnded,     // wanted, but stays ended
  kBackoff,   // wanted; waits before it is started again
  kLease,     // wanted; the controller must confirm first that it may run
  kStore,     // wanted; what led to its next run must be on disk before it
  kFetch,     // wanted; its image is not ready
  kLaunch,    // wanted; nothing is missing but the VM
  kStarting,  // its VM boots
  kRunning,   // its app runs
};

std::string_view to_string(Bucket bucket);

enum class Move : std::uint8_t { kNone, kErase, kForget, kBeginStop, kStopStep, kAskImage, kLaunch };

// What a plan needs to know beside the instance itself.
struct Surroundings {
  bool image_ready = false;
  bool listed = false;              // a forwarder's table that names it may still be in force
  std::uint64_t saved_version = 0;  // of the node's record
  Contact contact{};
  bool in_flight = false;  // what clients asked of it before it left the table is not answered yet
};

struct Step {
  Bucket bucket = Bucket::kGone;
  Move move = Move::kNone;
  std::string_view reason;
  std::optional<Time> wake;             // plan again then, if nothing happens before
  StopCause cause = StopCause::kGoal;   // for kBeginStop
  StopStep stop_step = StopStep::kAsk;  // for kStopStep
};

Step plan_step(const Instance& instance, const Surroundings& around, Time now);

}  // namespace unik::agent
