// Replaces old instances by current ones without a gap: a slot's new instance comes first, its old one is stopped when
// the new one is ready, one slot at a time. An old instance that does not serve is no reason to wait.
#pragma once

#include <cstdint>
#include <vector>

#include "controller/core/diff.hpp"

namespace unik::controller {

// How many instances beyond the declared replicas a rollout may have at a time.
inline constexpr std::uint32_t kMaxSurge = 1;

struct RolloutSteps {
  std::vector<InstanceId> create;
  std::vector<InstanceId> stop;
};

RolloutSteps plan_rollout(const std::vector<Joined>& instances);

}  // namespace unik::controller
