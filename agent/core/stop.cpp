#include "agent/core/stop.hpp"

#include "api/check.hpp"

namespace unik::agent {

NextStop next_stop(const Stopping& stopping, Duration timeout) {
  if (!stopping.last) return {StopStep::kAsk, stopping.begun};
  switch (*stopping.last) {
    case StopStep::kAsk:
      return {StopStep::kQuit, stopping.last_at + timeout};
    case StopStep::kQuit:
      return {StopStep::kKill, stopping.last_at + kQuitWait};
    case StopStep::kKill:
      return {StopStep::kKill, stopping.last_at + kKillRepeat};
  }
  UNIK_CHECK(false, "a stop step outside its enumeration");
}

}  // namespace unik::agent
