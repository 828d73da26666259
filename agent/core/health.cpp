#include "agent/core/health.hpp"

#include <algorithm>

namespace unik::agent {
namespace {

Duration interval_of(const HealthCheck& check) {
  return std::max(check.interval, kLeastProbeInterval);
}

Time next_probe(HealthState& state, const HealthCheck& check, Time now) {
  if (state.passed) return std::max(state.sent + interval_of(check), now);
  state.early = std::min(std::max(state.early * 2, kFirstProbeDelay), interval_of(check));
  return now + state.early;
}

void note_pass(HealthState& state) {
  state.value = Health::kHealthy;
  state.passed = true;
  state.failures = 0;
  state.detail.clear();
}

void note_failure(HealthState& state, const HealthCheck& check, Time now) {
  if (!state.passed && now < state.since + check.grace) return;
  state.failures += 1;
  if (state.failures >= std::max(check.failures, 1U)) state.value = Health::kUnhealthy;
}

}  // namespace

HealthState begin_health(const std::optional<HealthCheck>& check, Time now) {
  HealthState state;
  if (!check) return state;
  state.value = Health::kStarting;
  state.since = now;
  state.early = std::min(kFirstProbeDelay, interval_of(*check));
  state.next = now + state.early;
  return state;
}

HealthState assume_health(const std::optional<HealthCheck>& check, Time now) {
  HealthState state = begin_health(check, now);
  if (!check) return state;
  state.value = Health::kHealthy;
  state.assumed = true;
  state.next = now;
  return state;
}

ProbeMove plan_probe(const HealthState& state, Time now) {
  if (state.value == Health::kNone || now < state.next) return ProbeMove::kWait;
  return state.probe != 0 ? ProbeMove::kGiveUp : ProbeMove::kSend;
}

void note_sent(HealthState& state, const HealthCheck& check, std::uint64_t probe, Time now) {
  state.probe = probe;
  state.sent = now;
  state.next = now + check.timeout + kProbeSlack;
}

void note_answer(HealthState& state, const HealthCheck& check, bool passed, const std::string& detail, Time now) {
  state.probe = 0;
  state.detail = detail;
  if (passed) {
    note_pass(state);
  } else if (state.assumed) {
    state.value = Health::kStarting;  // the assumption was wrong: it gets the grace of one just started
    state.since = now;
  } else {
    note_failure(state, check, now);
  }
  state.slow = !state.passed && now >= state.since + kSlowStart;
  state.assumed = false;
  state.next = next_probe(state, check, now);
}

}  // namespace unik::agent
