#include "agent/qemu/vm_spec.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

namespace unik::agent {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;
constexpr std::int64_t kMaxMemoryMib = 4 << 20;

bool is_loopback_address(const std::string& address) {
  in_addr parsed{};
  return inet_pton(AF_INET, address.c_str(), &parsed) == 1 && (ntohl(parsed.s_addr) >> 24) == 127;
}

// Somebody else's kernel takes one line. As everywhere, arguments of the app replace the image's default ones; the
// entry point is the kernel itself, which is no word of its own command line.
std::string join_arguments(const runtimes::ImageConfig& config, const std::vector<std::string>& args) {
  std::string line;
  for (const std::string& word : args.empty() ? config.cmd : args) line += (line.empty() ? "" : " ") + word;
  return line;
}

// The UP kernel boots fastest; either serves where the image has only one.
Result<std::string> own_kernel(const runtimes::BootFiles& files, std::uint32_t& vcpus) {
  if (vcpus > 1 && !files.kernel_smp.empty()) return files.kernel_smp.string();
  if (!files.kernel_up.empty()) {
    vcpus = 1;
    return files.kernel_up.string();
  }
  if (!files.kernel_smp.empty()) return files.kernel_smp.string();
  return invalid("no_kernel", "want an image with a kernel layer, found none: build it again with this release");
}

Result<std::vector<PortForward>> plan_forwards(const std::vector<Port>& ports) {
  std::vector<PortForward> forwards;
  std::set<std::uint16_t> guest_ports;
  std::set<std::uint16_t> host_ports;
  for (const Port& port : ports) {
    if (!guest_ports.insert(port.port).second) continue;  // one port under two names
    const std::uint16_t host_port = host_port_of(port.port);
    if (!host_ports.insert(host_port).second)
      return invalid("port_collision", "ports below 1024 are reached at 64512 plus their number: " +
                                           std::to_string(host_port) + " is wanted twice; choose another port");
    forwards.push_back({host_port, port.port});
  }
  return forwards;
}

}  // namespace

std::string_view to_string(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kKvm:
      return "kvm";
    case Accelerator::kTcg:
      return "tcg";
  }
  return "";
}

std::uint32_t vcpus_of(MilliCpu cpu, std::uint32_t host_cpus) {
  const std::int64_t wanted = (std::max<std::int64_t>(cpu.value, 1) + 999) / 1000;
  const std::int64_t most = std::clamp<std::int64_t>(host_cpus, 1, kMaxVcpus);
  return static_cast<std::uint32_t>(std::min(wanted, most));
}

std::uint32_t memory_mib_of(Bytes memory) {
  const std::int64_t mib = (memory.value + kMebibyte - 1) / kMebibyte;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(mib, 0, kMaxMemoryMib));
}

std::string vm_name(const InstanceId& id, std::uint32_t run) {
  return "unik:" + to_string(id) + '#' + std::to_string(run);
}

Result<VmSpec> plan_vm(const LaunchVm& launch, const runtimes::BootFiles& files, const HostFacts& host,
                       const std::string& directory) {
  VmSpec spec;
  spec.qemu = host.qemu;
  spec.name = vm_name(launch.id, launch.run);
  spec.directory = directory;
  spec.kind = files.kind;
  spec.accelerator = host.accelerator;
  spec.vcpus = vcpus_of(launch.boot.resources.cpu, host.cpus);
  spec.memory_mib = memory_mib_of(launch.boot.resources.memory);
  spec.tsc_khz = host.tsc_khz;
  spec.address = launch.address;
  spec.restrict_network = host.restrict_network;
  spec.vcpus_take_turns = host.vcpus_take_turns;
  spec.debug = launch.boot.debug;
  if (spec.memory_mib == 0) return invalid("bad_memory", "want at least 1Mi of memory for a VM, got 0");
  if (!is_loopback_address(launch.address))
    return invalid("bad_address", "want an address in 127.0.0.0/8 for a VM, got `" + launch.address + "`");

  if (files.kind == runtimes::BootKind::kUnik) {
    Result<std::string> kernel = own_kernel(files, spec.vcpus);
    if (!kernel.ok()) return std::move(kernel).error();
    spec.kernel = std::move(*kernel);
  } else {
    if (files.kernel.empty()) return invalid("no_kernel", "want an image with a kernel or disk, found none");
    if (files.kernel_end > mebibytes(spec.memory_mib))
      return invalid("kernel_beyond_memory", "the kernel is loaded up to " + format_bytes(files.kernel_end) +
                                                 ": want more memory than that, got " +
                                                 format_bytes(mebibytes(spec.memory_mib)));
    spec.kernel = files.kernel.string();
    spec.initrd = files.initrd.string();
    spec.kernel_arguments = join_arguments(files.config, launch.boot.args);
  }
  spec.root = files.root.string();

  Result<std::vector<PortForward>> forwards = plan_forwards(launch.boot.ports);
  if (!forwards.ok()) return std::move(forwards).error();
  spec.forwards = std::move(*forwards);
  return spec;
}

}  // namespace unik::agent
