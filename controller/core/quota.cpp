#include "controller/core/quota.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string>

namespace unik::controller {
namespace {

std::string too_much(const std::string& tenant, const std::string& what, const std::string& hard,
                     const std::string& wanted) {
  return "tenant `" + tenant + "` may declare " + hard + " " + what + ", with this it would be " + wanted +
         ": declare less, or raise spec.quota." + (what == "CPUs" ? "cpu" : what);
}

// Slots of the tenant that have a node, each once; `skip` is left out.
TenantUsage placed(const World& world, Symbol tenant) {
  TenantUsage usage;
  std::set<std::pair<AppName, std::uint32_t>> slots;
  for (auto it = world.apps.lower_bound({tenant, {}}); it != world.apps.end() && it->first.tenant == tenant; ++it) {
    const AppRow& app = it->second;
    for_each_instance(world, it->first, [&](const InstanceId& id, const InstanceRow& row) {
      if (row.node.empty() || !slots.insert({it->first, id.slot}).second) return;
      usage += usage_of(*app.app, 1);
    });
  }
  return usage;
}

std::uint32_t fits(std::int64_t left, std::int64_t one) {
  if (left < one) return 0;
  if (one == 0) return std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(left / one, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Result<void> check_quota(const std::string& tenant, const Quota& quota, const TenantUsage& before,
                         const TenantUsage& after) {
  if (quota.instances && after.instances > *quota.instances && after.instances > before.instances)
    return exhausted("quota_instances_exceeded",
                     too_much(tenant, "instances", std::to_string(*quota.instances), std::to_string(after.instances)));
  if (quota.cpu && after.resources.cpu > *quota.cpu && after.resources.cpu > before.resources.cpu)
    return exhausted("quota_cpu_exceeded",
                     too_much(tenant, "CPUs", format_milli_cpu(*quota.cpu), format_milli_cpu(after.resources.cpu)));
  if (quota.memory && after.resources.memory > *quota.memory && after.resources.memory > before.resources.memory)
    return exhausted("quota_memory_exceeded",
                     too_much(tenant, "memory", format_bytes(*quota.memory), format_bytes(after.resources.memory)));
  return {};
}

std::optional<std::uint32_t> room_in_quota(const World& world, const App& app) {
  const Symbol tenant(app.metadata.tenant);
  const TenantRow* const row = world.tenants.find(tenant);
  const TenantUsage* const declared = world.usage.find(tenant);
  if (row == nullptr || declared == nullptr) return std::nullopt;
  const Quota& quota = row->tenant->spec.quota;
  const bool over = (quota.instances && declared->instances > *quota.instances) ||
                    (quota.cpu && declared->resources.cpu > *quota.cpu) ||
                    (quota.memory && declared->resources.memory > *quota.memory);
  if (!over) return std::nullopt;
  const TenantUsage used = placed(world, tenant);
  const TenantUsage one = usage_of(app, 1);
  std::uint32_t room = std::numeric_limits<std::uint32_t>::max();
  if (quota.instances) room = std::min(room, fits(std::int64_t{*quota.instances} - used.instances, 1));
  if (quota.cpu) room = std::min(room, fits(quota.cpu->value - used.resources.cpu.value, one.resources.cpu.value));
  if (quota.memory)
    room = std::min(room, fits(quota.memory->value - used.resources.memory.value, one.resources.memory.value));
  return room;
}

}  // namespace unik::controller
