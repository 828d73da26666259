// What a tenant may declare, and what it does. A tenant uses what its apps declare: replicas times resources, each app
// until its last instance is gone. A slot counts once, whoever runs in it, so a rollout's surge is free.
#pragma once

#include <cstdint>
#include <optional>

#include "api/result.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// The first bound of `quota` that `usage` exceeds and that is not merely left where it was: lowering what is too much
// is never refused. Errors: `exhausted` with `quota_instances_exceeded`, `quota_cpu_exceeded`, `quota_memory_exceeded`.
Result<void> check_quota(const std::string& tenant, const Quota& quota, const TenantUsage& before,
                         const TenantUsage& after);

// How many more instances of `app` may be placed; none while everything declared is within the quota.
std::optional<std::uint32_t> room_in_quota(const World& world, const App& app);

}  // namespace unik::controller
