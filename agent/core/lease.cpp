#include "agent/core/lease.hpp"

#include <algorithm>

#include "agent/core/stop.hpp"
#include "agent/core/timers.hpp"

namespace unik::agent {

std::optional<Time> runs_until(const EnsureRunning& goal, const Contact& contact) {
  std::optional<Time> until;
  if (goal.stop_when_silent) until = contact.heard + *goal.stop_when_silent;
  until = earlier(until, contact.name_lost);
  if (!is_strict(goal.boot) || !contact.renewed) return until;
  const Duration farewell = std::min(goal.run.stop_timeout, kLongestFarewell) + kQuitWait;
  return earlier(until, *contact.renewed + kStrictLease - farewell);
}

bool may_start(const EnsureRunning& goal, const Contact& contact, Time now) {
  if (is_strict(goal.boot) && !contact.renewed) return false;
  const std::optional<Time> until = runs_until(goal, contact);
  return !until || now < *until;
}

}  // namespace unik::agent
