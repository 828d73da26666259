// Whether an app answers: when to probe, and what a row of answers means.
//
// Until the first passed probe, probes come quickly (50 ms, doubling to the interval), since a VM is up in milliseconds
// and waits for nothing but this to get traffic. Failures count from the end of the grace; `failures` of them in a row
// make the instance unhealthy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/instance.hpp"
#include "api/resource.hpp"

namespace unik::agent {

inline constexpr Duration kFirstProbeDelay = std::chrono::milliseconds(50);
inline constexpr Duration kLeastProbeInterval = std::chrono::milliseconds(10);
inline constexpr Duration kProbeSlack = std::chrono::seconds(5);  // beyond the timeout; then the probe counts as failed

// From when on a start that does not pass is told: most apps answer only after the first probes, which is no news.
inline constexpr Duration kSlowStart = std::chrono::seconds(3);

struct HealthState {
  Health value = Health::kNone;
  bool assumed = false;        // taken to be healthy until the first answer
  bool passed = false;         // some probe of this run has
  bool slow = false;           // none has, and should have by now
  std::uint32_t failures = 0;  // in a row, those of the grace not counted
  std::uint64_t probe = 0;     // the one in flight, or 0
  Time sent{};
  Time since{};      // the grace counts from here
  Duration early{};  // the wait before the next probe while none has passed
  Time next{};       // when to probe, or when to give up the one in flight
  std::string detail;

  bool operator==(const HealthState&) const = default;
};

// For an app that was just started.
HealthState begin_health(const std::optional<HealthCheck>& check, Time now);

// For an app that was running before anybody could tell: adopted, or given its check while it ran. Were it not taken to
// be healthy, each restart of the agent would take every published port of the node down until the first answers.
HealthState assume_health(const std::optional<HealthCheck>& check, Time now);

enum class ProbeMove : std::uint8_t { kWait, kSend, kGiveUp };

// What is due at `now`; nothing is without a check. `state.next` says when something will be.
ProbeMove plan_probe(const HealthState& state, Time now);

void note_sent(HealthState& state, const HealthCheck& check, std::uint64_t probe, Time now);
void note_answer(HealthState& state, const HealthCheck& check, bool passed, const std::string& detail, Time now);

}  // namespace unik::agent
