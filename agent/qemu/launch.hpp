// Starts QEMU for one run of an instance. The whole path from a launch to the exec is here, and it is kept short: what
// can wait until QEMU runs is done after it.
#pragma once

#include <optional>
#include <string>

#include "agent/forward/fd.hpp"
#include "agent/qemu/guard.hpp"
#include "agent/qemu/instance_dir.hpp"
#include "agent/qemu/process.hpp"
#include "agent/qemu/vm_spec.hpp"
#include "api/result.hpp"

namespace unik::agent {

inline constexpr std::string_view kQemuLog = "qemu.log";
inline constexpr std::string_view kQmpSocket = "qmp.sock";
inline constexpr std::string_view kControlSocket = "control.sock";

// Of QEMU's process, where the host gives no cgroup.
struct ProcessLimits {
  int nice = 0;
  std::uint64_t address_space_bytes = 0;  // 0: no limit
};

struct StartedVm {
  Process process;
  Fd qmp;      // connected before QEMU runs: its greeting comes as soon as the machine is built
  Fd records;  // for reading, at their beginning
};

// Refuses with `conflict`/`vm_already_runs` while another VM of the instance lives. `config` is what the guest's init
// is told; it goes into a memfd. With `guard`, QEMU is started under one. Errors: also `unavailable`/`instance_dir`,
// `unavailable`/`spawn_failed`, `not_found`/`no_such_program`.
Result<StartedVm> start_vm(const InstanceDir& dir, const VmSpec& spec, const RunFile& run, const std::string& config,
                           const ProcessLimits& limits, const std::optional<GuardSpec>& guard);

}  // namespace unik::agent
