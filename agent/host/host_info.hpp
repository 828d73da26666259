// What this host has to give, really read: nothing here is assumed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/host/cgroups.hpp"
#include "agent/qemu/vm_spec.hpp"
#include "api/messages.hpp"
#include "api/result.hpp"

namespace unik::agent {

// Host memory that a VM takes beside the guest's RAM: QEMU's own resident pages of a hello VM under TCG, 71 to 73 MiB
// with QEMU 7.2 on Debian 12. Measured with `tests/agent/qemu/vm_overhead.sh PID`.
inline constexpr Bytes kVmOverhead = mebibytes(72);

struct HostInfo {
  NodeInfo node;
  std::uint32_t cpus = 1;     // whole CPUs that a VM may have
  std::uint32_t tsc_khz = 0;  // 0: not steady enough to tell a guest
  Accelerator accelerator = Accelerator::kTcg;

  bool operator==(const HostInfo&) const = default;
};

// Reads it all; about 100 ms, most of it the two probes. `agent_version` is told as it is. Errors: `not_found` when
// QEMU is not there (`no_such_program`), `unavailable`/`no_qemu_version` when it does not say its version.
Result<HostInfo> read_host_info(const std::string& qemu, const std::string& agent_version);

// Pure: `QEMU 7.2.22` from what `--version` prints; empty when it is something else.
std::string parse_qemu_version(std::string_view text);

// Pure: whether this QEMU's TCG, with a thread for each vCPU, may run a translation of code that another vCPU has
// overwritten. A kernel that patches itself while it boots then panics ("Oops: int3"), here once in 200 boots; a
// just-in-time compiler may go wrong without a word. Mended in 8.1, which locks a page while it is translated.
bool runs_overwritten_code(std::string_view vmm_version);

// The frequency of the time stamp counter, from two measurements that must agree within 0.1 %; 0 when they do not, or
// the host has no invariant one. Takes 40 ms.
std::uint32_t measure_tsc_khz();

}  // namespace unik::agent
