#include "agent/core/join.hpp"

#include <algorithm>
#include <set>

#include "agent/core/address.hpp"
#include "agent/core/goals.hpp"
#include "agent/core/restart.hpp"

namespace unik::agent {
namespace {

void adopt_running(Instance& instance, const AdoptedVm& vm, Time now) {
  const bool started = vm.started_at != WallTime{};
  instance.vm.state = started ? VmState::kRunning : VmState::kStarting;
  if (started && instance.want == Want::kRunning) instance.health = assume_health(instance.goal.run.health, now);
}

void adopt(Instance& instance, const AdoptedVm& vm, Time now) {
  if (!vm.address.empty()) instance.record.address = vm.address;
  instance.vm.run = vm.run;
  instance.vm.adopted = true;
  instance.vm.remains = true;
  instance.vm.accelerator = vm.accelerator;
  instance.vm.started_at = vm.started_at;
  const bool kept = instance.record.boot_run == vm.run && instance.record.boot != BootTimes{};
  instance.vm.boot = kept ? instance.record.boot : vm.boot;
  if (kept && vm.boot.first_byte > Duration::zero()) instance.vm.boot.first_byte = vm.boot.first_byte;
  instance.vm.decided = now;
  instance.vm.launched = now;
  // Only a lost record is behind its VM: no run may be launched under a number that was used.
  instance.record.restarts = std::max(instance.record.restarts, vm.run);
  if (vm.running)
    adopt_running(instance, vm, now);
  else if (!is_end_taken_up(instance))
    end_run(instance, RunEnd{vm.exit, std::nullopt}, now);
}

}  // namespace

Instances join(const Inventory& inventory, Time now) {
  Instances instances;
  for (const auto& [id, record] : inventory.record.instances) {
    Instance& instance = instances[id];
    instance.id = id;
    instance.record = record;
  }
  for (const AdoptedVm& vm : inventory.vms) instances[vm.id].id = vm.id;
  apply_goals(inventory.record.goals, instances, now);
  for (const AdoptedVm& vm : inventory.vms) adopt(instances[vm.id], vm, now);
  return instances;
}

std::map<InstanceId, std::string> assign_addresses(Instances& instances, const Goals& offered,
                                                   const std::string& cluster_id) {
  std::set<std::string> in_use;
  for (const auto& [id, instance] : instances)
    if (!instance.record.address.empty()) in_use.insert(instance.record.address);
  const auto assign = [&](const InstanceId& id) {
    return *in_use.insert(allocate_address(id, cluster_id, in_use)).first;
  };

  for (auto& [id, instance] : instances)
    if (instance.want == Want::kRunning && instance.record.address.empty()) instance.record.address = assign(id);
  std::map<InstanceId, std::string> added;
  for (const Action& action : offered.actions) {
    const auto* goal = std::get_if<EnsureRunning>(&action);
    if (goal == nullptr) continue;
    const auto found = instances.find(goal->id);
    if (found != instances.end() && !found->second.record.address.empty()) continue;
    if (!added.contains(goal->id)) added.emplace(goal->id, assign(goal->id));
  }
  return added;
}

}  // namespace unik::agent
