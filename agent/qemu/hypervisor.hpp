// The agent's port to its VMs: carries out LaunchVm, StopVm and ForgetVm; yields VmStarted, VmEnded, Measured and the
// VMs of the Inventory.
//
// One thread, which sleeps while nothing happens. A VM is a QEMU process that outlives the agent; an instance directory
// (instance_dir.hpp) is all that is known of it, so that any later agent finds it again. There is never a second VM of
// one id: QEMU itself holds the lock of the directory for as long as it lives.
//
// What was asked before is answered by the event that says so: a launch of a run that runs, by VmStarted once it has
// started; of one that ended, by VmEnded; a stop of what is not there, by VmEnded with `not_found`/`no_such_vm`. A
// VmStarted comes again, otherwise the same, when the console's first byte came after it. A VmEnded with an exit of 126
// or 127 may bear an error too: why the program could not be executed.
//
// Under KVM, a guest whose init has not started the app within `kvm_start_bound`, or that KVM gave up, is started once
// more under TCG, as the same run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ports.hpp"
#include "agent/qemu/launch.hpp"
#include "agent/qemu/vm_spec.hpp"
#include "api/result.hpp"
#include "runtimes/lib/boot/boot_root.hpp"

namespace unik::agent {

struct HypervisorOptions {
  std::string state_dir;  // `instances/` below it is ours
  std::string host_boot;  // boot_id of the host's kernel
  HostFacts host;
  std::string program;     // unik-agent, to start guards of strict singletons
  std::string lease_page;  // what they read, see guard.hpp
  Duration kvm_start_bound = std::chrono::seconds(20);
  Duration measure_every = std::chrono::seconds(30);
};

// What the hypervisor needs of others. All are called from its thread and must not wait; an empty one is left out.
struct HypervisorPorts {
  std::function<void(Event)> deliver;
  std::function<Result<runtimes::BootFiles>(const std::string& image)> boot_files;
  // See agent/logs/consoles.hpp.
  std::function<Result<void>(const InstanceId&, const std::string& directory)> attach_console;
  std::function<Result<void>(const InstanceId&, std::uint32_t run)> begin_console_run;
  std::function<void(const InstanceId&)> forget_console;
  // Where the host has no cgroups: limits that QEMU's process begins with. See host/limits.hpp.
  std::function<ProcessLimits(const Resources&)> process_limits;
  std::function<void(const std::string& vm, pid_t, const Resources&)> apply_limits;  // once the app has started
  std::function<void(const std::string& vm)> release_limits;
};

class Hypervisor {
 public:
  static Result<std::unique_ptr<Hypervisor>> create(HypervisorOptions options, HypervisorPorts ports);
  ~Hypervisor();  // VMs go on
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  // Finds what earlier agents left and begins to watch it. Once, before anything else; waits a moment for QEMUs that
  // are just starting, at most kAdoptWait in all.
  std::vector<AdoptedVm> adopt();

  // Each returns at once.
  void launch(LaunchVm effect);
  void stop(StopVm effect);
  void forget(ForgetVm effect);

  // Whether the guest has taken up a connection to its port, see Vm::ask_accepted. `answer` is called once, from the
  // hypervisor's thread, unless this ends before.
  void ask_accepted(const InstanceId& id, std::uint16_t guest_port, std::function<void(std::optional<bool>)> answer);

 private:
  class State;
  explicit Hypervisor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

inline constexpr Duration kAdoptWait = std::chrono::milliseconds(500);

}  // namespace unik::agent
