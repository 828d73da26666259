// One VM as a value: everything that its QEMU command line says, and how a goal becomes it.
//
// Pure. The same LaunchVm, boot files and host facts give the same VmSpec, and that the same argv (command_line.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ports.hpp"
#include "api/result.hpp"
#include "api/units.hpp"
#include "runtimes/lib/boot/boot_root.hpp"

namespace unik::agent {

enum class Accelerator : std::uint8_t { kKvm, kTcg };

// `kvm`, `tcg`
std::string_view to_string(Accelerator accelerator);

// On which port of the instance's own 127/8 address the guest's `port` answers on the host. Ports below 1024 may need a
// privilege, so they move to the top (80 is found at 64592); every other port is its own. It depends on nothing else,
// so that the agent, the forwarder and the prober agree even across a restart with other rights.
constexpr std::uint16_t host_port_of(std::uint16_t port) {
  return port < 1024 ? static_cast<std::uint16_t>(64512 + port) : port;
}

struct PortForward {
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;

  bool operator==(const PortForward&) const = default;
};

// Descriptors that QEMU inherits under these numbers (process.hpp gives them to it). 0 to 2 are stdin, stdout, stderr.
inline constexpr int kLockFd = 3;     // holds the instance's lock for as long as QEMU lives
inline constexpr int kConfigFd = 4;   // memfd: the guest's configuration
inline constexpr int kQmpFd = 5;      // listening unix socket
inline constexpr int kControlFd = 6;  // listening unix socket

struct VmSpec {
  std::string qemu = "qemu-system-x86_64";
  std::string name;  // says to everybody which instance and run this process is
  std::string directory;
  runtimes::BootKind kind = runtimes::BootKind::kUnik;
  Accelerator accelerator = Accelerator::kTcg;
  std::uint32_t vcpus = 1;
  std::uint32_t memory_mib = 128;
  std::string kernel;            // or the disk image
  std::string initrd;            // somebody else's kernel only
  std::string root;              // erofs; empty: none
  std::string kernel_arguments;  // of somebody else's kernel
  std::uint32_t tsc_khz = 0;     // of the host; 0: not known
  std::string address;           // 127/8
  std::vector<PortForward> forwards;
  bool restrict_network = false;  // the guest reaches nothing, it is only reached
  bool vcpus_take_turns = false;  // several vCPUs under TCG: on one thread
  bool debug = false;             // kernel log on the console

  bool operator==(const VmSpec&) const = default;
};

// What the host adds to a launch.
struct HostFacts {
  std::string qemu = "qemu-system-x86_64";
  Accelerator accelerator = Accelerator::kTcg;
  std::uint32_t cpus = 1;  // a VM gets no more vCPUs than that
  std::uint32_t tsc_khz = 0;
  bool restrict_network = false;
  bool vcpus_take_turns = false;  // under TCG, since this QEMU is not safe with a thread for each

  bool operator==(const HostFacts&) const = default;
};

inline constexpr std::uint32_t kMaxVcpus = 16;  // what the SMP kernel is built for

// How many vCPUs a limit means: its whole CPUs, rounded up, at least one, at most the host's and kMaxVcpus.
std::uint32_t vcpus_of(MilliCpu cpu, std::uint32_t host_cpus);

// Guest RAM in MiB, rounded up.
std::uint32_t memory_mib_of(Bytes memory);

// `unik:TENANT/APP/SLOT/ROLLOUT/ATTEMPT#RUN`, the argument of `-name`.
std::string vm_name(const InstanceId& id, std::uint32_t run);

// Errors: `invalid`/`no_kernel` (the image has no kernel for this kind or number of CPUs), `bad_memory`, `bad_address`,
// `kernel_beyond_memory` (somebody else's kernel is loaded above it),
// `port_collision` (two declared ports would be one on the host).
Result<VmSpec> plan_vm(const LaunchVm& launch, const runtimes::BootFiles& files, const HostFacts& host,
                       const std::string& directory);

}  // namespace unik::agent
