// How a VM is brought to its end: asked, then made to quit, then killed until it is gone.
#pragma once

#include <optional>

#include "agent/ports.hpp"

namespace unik::agent {

inline constexpr Duration kQuitWait = std::chrono::seconds(2);    // from QMP quit to the first SIGKILL
inline constexpr Duration kKillRepeat = std::chrono::seconds(5);  // a process in D state takes its SIGKILL late
// How long a stop waits for the forwarder to say that the instance is out of its table: a dead one must not hold it up.
inline constexpr Duration kWithdrawWait = std::chrono::seconds(5);

enum class StopCause : std::uint8_t { kGoal, kUnhealthy, kBootTimeout, kSilence };

struct Stopping {
  StopCause cause = StopCause::kGoal;
  Time begun{};                  // since then it is kept out of the forwarder's table
  std::optional<StopStep> last;  // the last step taken
  Time last_at{};

  bool operator==(const Stopping&) const = default;
};

struct NextStop {
  StopStep step = StopStep::kAsk;
  Time at{};  // due when not in the future
};

// `timeout` is what the app is given between being asked and QMP quit.
NextStop next_stop(const Stopping& stopping, Duration timeout);

}  // namespace unik::agent
