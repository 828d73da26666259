// What the API shows, derived from a World each time it is asked for. Nothing here is ever stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/views.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

class PlaceSearch;  // says why what waits does

AppView view_app(const World& world, const AppName& name, const AppRow& row, PlaceSearch& search);
AppView view_app(const World& world, const AppName& name, const AppRow& row);
RolloutView view_rollout(const World& world, const AppName& name, const AppRow& row);
InstanceView view_instance(const World& world, const InstanceId& id, const InstanceRow& row);
// `tenant` is who asks: what others have there is counted and not named. Empty: everybody's is named.
NodeView view_node(const World& world, Symbol name, const NodeRow& row, Symbol tenant = {});
NodeView view_node(const World& world, Symbol name, const NodeRow& row, Symbol tenant, PlaceSearch& search);
bool is_foreign(const InstanceId& id, Symbol tenant);
// Whether what is still on a node that is drained waits for room elsewhere, or for somebody to decide.
bool is_drain_blocked(const World& world, Symbol node);
TenantView view_tenant(const World& world, Symbol name, const TenantRow& row);

inline constexpr std::size_t kRecentOperations = 10;

// One tenant's apps, instances and newest operations, and the nodes.
StatusView view_status(const World& world, std::string_view tenant);

}  // namespace unik::controller
