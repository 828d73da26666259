// What operators ask of rollouts and nodes, as changes of what is declared or of where a rollout stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/core/admit.hpp"
#include "controller/core/rollout_gates.hpp"

namespace unik::controller {

// What is told of where a rollout stands: why it was given up, and that a hand holds it. Empty while all is well.
Verdict told_of(const AppRow& row);

enum class RolloutVerb : std::uint8_t {
  kPause,     // replace nothing more until resumed; of one that is done, begin no other
  kResume,    // go on
  kPromote,   // canary: the others follow now
  kAbort,     // give the current template up for the last good one
  kRestart,   // replace every instance by one of the same template
  kRollback,  // declare an older template again
};

std::string_view to_string(RolloutVerb verb);

struct RolloutRequest {
  AppName app;
  RolloutVerb verb = RolloutVerb::kPause;
  std::optional<std::uint64_t> to;  // kRollback: which template; the last good one otherwise
  std::string trace_id;
};

// Errors: `not_found`, and `conflict` where the rollout is not in a state for it; the message says which it is.
Result<ApplyReply> admit_rollout(Draft& draft, const RolloutRequest& request);

// What is left out stays as it is on a node that is being drained already.
struct DrainRequest {
  std::string node;
  std::optional<Duration> deadline;
  std::optional<bool> force;
  std::optional<std::string> reason;
};

// Sets the node's drain as a manifest would.
Result<ApplyReply> admit_drain(Draft& draft, const DrainRequest& request);

}  // namespace unik::controller
