// One instance as its node knows it: what is wanted of it, what is remembered, what is seen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/core/health.hpp"
#include "agent/core/stop.hpp"
#include "agent/ports.hpp"

namespace unik::agent {

enum class Want : std::uint8_t { kNothing, kRunning, kAbsent };
enum class VmState : std::uint8_t { kNone, kStarting, kRunning };

// The VM of an instance, or the last one it had.
struct VmLife {
  VmState state = VmState::kNone;
  bool remains = false;  // a VM of this id has left something on the node: a directory, a console
  bool adopted = false;  // it was there before this agent
  std::uint32_t run = 0;
  std::string accelerator;
  WallTime started_at{};
  BootTimes boot;
  Time decided{};   // when this run was decided on: boot times count from here
  Time launched{};  // or adopted

  bool operator==(const VmLife&) const = default;
};

// Why the next run waits, and how many went before it in vain.
struct RestartState {
  std::uint32_t quick_failures = 0;  // runs in a row that ended before they were ready for kHealthyReset
  std::optional<Time> ready_since;   // running and healthy without a break
  Time not_before{};
  std::string reason;    // of the wait, as in InstanceStatus
  bool by_exit = false;  // the wait follows an exit that the policy was asked about

  bool operator==(const RestartState&) const = default;
};

struct Instance {
  InstanceId id;

  Want want = Want::kNothing;
  EnsureRunning goal;       // while kRunning, and the last such goal after
  Duration stop_timeout{};  // while kAbsent
  std::string trace_id;     // of the request that this goes back to

  InstanceRecord record;
  std::uint64_t stored_with =
      0;  // the version of the node's record that holds `record`: launched only once it is saved

  VmLife vm;
  std::optional<Stopping> stop;
  HealthState health;
  RestartState restart;
  bool awaits_image = false;
  BootTimes next_boot;         // what went into the next run before its launch
  bool forgotten = false;      // absent, and what was left of it has been removed
  std::string goal_problem;    // what could not be taken from its goal
  std::string recent_problem;  // why there is no VM; cleared when the app starts

  // As last worked out, to see what has changed.
  bool reported = false;
  InstanceStatus status;
  bool takes_traffic = false;

  bool operator==(const Instance&) const = default;
};

using Instances = std::map<InstanceId, Instance>;

// Fit for the forwarder's table.
inline bool is_serving(const Instance& instance) {
  return instance.want == Want::kRunning && instance.vm.state == VmState::kRunning && !instance.stop &&
         (instance.health.value == Health::kNone || instance.health.value == Health::kHealthy);
}

}  // namespace unik::agent
