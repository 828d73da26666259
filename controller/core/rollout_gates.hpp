// Judges whether the current template of an app may go on: its gates and its progress deadline. Pure: everything is in
// the arguments.
#pragma once

#include <optional>
#include <string>

#include "controller/core/rollout_facts.hpp"

namespace unik::controller {

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
