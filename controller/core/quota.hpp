// What a tenant may declare, and what of it may be placed. The first is replicas times resources, each app until its
// last instance is gone. The second is what the slots hold that have a node, `held_share`: it is more where an app went
// back to a larger template than it declares, or has not yet got rid of one.
#pragma once

#include <cstdint>
#include <string>

#include "api/result.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// The first bound of `quota` that `usage` exceeds and that is not merely left where it was: lowering what is too much
// is never refused. Errors: `exhausted` with `quota_instances_exceeded`, `quota_cpu_exceeded`, `quota_memory_exceeded`.
Result<void> check_quota(const std::string& tenant, const Quota& quota, const TenantUsage& before,
                         const TenantUsage& after);

// Whether the tenant's quota lets an instance of `boot` be placed in the slot. What the slot holds already is free.
bool lets_in(const World& world, const AppName& app, std::uint32_t slot, const BootSpec& boot);

}  // namespace unik::controller
