// Short ways to spell goals in tests.
#pragma once

#include "tests/agent/simulated_host.hpp"

namespace unik::agent {

inline const std::string kImage = "app@sha256:00";

inline EnsureRunning running(const InstanceId& id) {
  EnsureRunning goal;
  goal.id = id;
  goal.boot.image = kImage;
  return goal;
}

// With a health check every second, unhealthy after 3 failures, and 5 s of grace.
inline EnsureRunning checked(const InstanceId& id) {
  EnsureRunning goal = running(id);
  HealthCheck check;
  check.port = 8080;
  check.path = "/";
  check.interval = std::chrono::seconds(1);
  check.failures = 3;
  check.grace = std::chrono::seconds(5);
  goal.run.health = check;
  return goal;
}

inline EnsureRunning published(EnsureRunning goal, std::optional<std::uint16_t> host_port) {
  goal.run.publications.push_back({"http", 8080, host_port});
  return goal;
}

inline EnsureAbsent absent(const InstanceId& id, Duration stop_timeout = std::chrono::seconds(10)) {
  return {id, stop_timeout};
}

// Prints what did not hold, if anything.
inline std::string broken(const SimulatedHost& host) {
  std::string text;
  for (const std::string& line : host.broken) text += line + '\n';
  return text;
}

}  // namespace unik::agent
