#include "controller/core/quota.hpp"

#include <algorithm>

namespace unik::controller {
namespace {

std::string too_much(const std::string& tenant, const std::string& what, const std::string& hard,
                     const std::string& wanted) {
  const bool plural = what.ends_with('s');
  const std::string noun = plural && hard == "1" ? what.substr(0, what.size() - 1) : what;
  return "tenant `" + tenant + "` may declare " + hard + " " + noun + ", with this it would be " + wanted +
         ": declare less, or raise spec.quota." + (what == "CPUs" ? "cpu" : what);
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

bool lets_in(const World& world, const AppName& app, std::uint32_t slot, const BootSpec& boot) {
  const TenantRow* const row = world.tenants.find(app.tenant);
  if (row == nullptr) return true;
  const Quota& quota = row->tenant->spec.quota;
  if (!quota.instances && !quota.cpu && !quota.memory) return true;
  const TenantUsage held = held_share(world, app, slot);
  const TenantUsage& placed = totals_of(world, app.tenant).placed;
  const bool is_new = held.instances == 0;
  const MilliCpu more_cpu = std::max(boot.resources.cpu - held.resources.cpu, MilliCpu{});
  const Bytes more_memory = std::max(boot.resources.memory - held.resources.memory, Bytes{});
  return (!quota.instances || !is_new || placed.instances < std::int64_t{*quota.instances}) &&
         (!quota.cpu || more_cpu == MilliCpu{} || placed.resources.cpu + more_cpu <= *quota.cpu) &&
         (!quota.memory || more_memory == Bytes{} || placed.resources.memory + more_memory <= *quota.memory);
}

}  // namespace unik::controller
