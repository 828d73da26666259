// Whether what somebody wants to apply can be accepted as a whole.
#pragma once

#include <vector>

#include "api/resource.hpp"
#include "api/result.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// What the world declares under the name of `value`; null for nothing, and for what is being deleted.
const App* declared(const World& world, const App& app);
const Node* declared(const World& world, const Node& node);
const Tenant* declared(const World& world, const Tenant& tenant);

// Fills in what the tenants decide. Errors, each with all faults of its sort: `invalid/invalid_spec`,
// `conflict/host_port_taken`, `conflict/uid_mismatch`, `conflict/stale_generation`, and those of check_quota.
Result<void> accept(const World& world, std::vector<Resource>& resources);

}  // namespace unik::controller
