#include "agent/host/host_info.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "agent/host/kvm_probe.hpp"
#include "agent/qemu/process.hpp"

namespace unik::agent {
namespace {

constexpr int kVersionPatienceMs = 10'000;  // a cold disk and a loaded host
constexpr std::size_t kMaxVersionBytes = 4096;

MilliCpu read_cpu(const CgroupLimits& limits) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  MilliCpu cpu{1000 * (known ? CPU_COUNT(&set) : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)))};
  if (limits.cpu) cpu = std::min(cpu, *limits.cpu);
  return std::max(cpu, MilliCpu{1});
}

Bytes read_memory(const CgroupLimits& limits) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kibibytes = 0;
  std::string unit;
  Bytes total;
  while (file >> name >> kibibytes && std::getline(file, unit))
    if (name == "MemTotal:") total = {kibibytes * 1024};
  if (limits.memory) total = std::min(total, *limits.memory);
  return total;
}

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// What the program prints first.
Result<std::string> ask_version(const std::string& qemu) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return unavailable("no_qemu_version", "cannot ask QEMU for its version: no pipe");
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  ProcessSpec spec;
  spec.argv = {qemu, "--version"};
  spec.descriptors = {{theirs.get(), 1}};
  Result<Process> process = start_process(spec);
  if (!process.ok()) return std::move(process).error();
  theirs.reset();
  std::string text(kMaxVersionBytes, '\0');
  pollfd wait{ours.get(), POLLIN, 0};
  const ssize_t n = poll(&wait, 1, kVersionPatienceMs) == 1 ? read(ours.get(), text.data(), text.size()) : 0;
  kill_process(process->pidfd);
  (void)reap(process->pidfd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

#if defined(__x86_64__)
bool has_invariant_tsc() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
}

// Ticks in a millisecond, over 20 of them. A reading between two clock readings is only as good as they are close.
std::optional<double> tsc_rate() {
  struct Reading {
    double ms = 0;
    std::uint64_t ticks = 0;
  };
  const auto read = [] {
    Reading best;
    std::uint64_t narrowest = ~std::uint64_t{0};
    for (int i = 0; i < 8; ++i) {
      timespec now{};
      const std::uint64_t before = __rdtsc();
      clock_gettime(CLOCK_MONOTONIC_RAW, &now);
      const std::uint64_t after = __rdtsc();
      if (after - before >= narrowest) continue;
      narrowest = after - before;
      best = {static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6,
              before + (after - before) / 2};
    }
    return best;
  };
  const Reading begin = read();
  const timespec pause{0, 20'000'000};
  nanosleep(&pause, nullptr);
  const Reading end = read();
  if (end.ms <= begin.ms || end.ticks <= begin.ticks) return std::nullopt;
  return static_cast<double>(end.ticks - begin.ticks) / (end.ms - begin.ms);
}
#endif

}  // namespace

std::uint32_t measure_tsc_khz() {
#if defined(__x86_64__)
  if (!has_invariant_tsc()) return 0;
  const std::optional<double> first = tsc_rate();
  const std::optional<double> second = tsc_rate();
  if (!first || !second || std::abs(*first - *second) > *first / 1000) return 0;
  return static_cast<std::uint32_t>((*first + *second) / 2 + 0.5);
#else
  return 0;
#endif
}

std::string parse_qemu_version(std::string_view text) {
  constexpr std::string_view mark = "QEMU emulator version ";
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + mark.size());
  const std::string_view version = rest.substr(0, rest.find_first_not_of("0123456789."));
  return version.empty() ? "" : "QEMU " + std::string(version);
}

bool runs_overwritten_code(std::string_view vmm_version) {
  std::array<unsigned, 2> version{};
  if (std::sscanf(std::string(vmm_version).c_str(), "QEMU %u.%u", &version[0], &version[1]) != 2) return true;
  return version < std::array<unsigned, 2>{8, 1};
}

Result<HostInfo> read_host_info(const std::string& qemu, const std::string& agent_version) {
  Result<std::string> version = ask_version(qemu);
  if (!version.ok()) return std::move(version).error();
  HostInfo host;
  host.node.vmm_version = parse_qemu_version(*version);
  if (host.node.vmm_version.empty())
    return unavailable("no_qemu_version", "want `" + qemu + " --version` to name a QEMU, got `" +
                                              version->substr(0, version->find('\n')) + "`");
  const CgroupLimits limits = read_cgroup_limits(find_cgroups());
  const KvmProbe kvm = probe_kvm();
  host.accelerator = kvm.usable ? Accelerator::kKvm : Accelerator::kTcg;
  host.node.accelerator = std::string(to_string(host.accelerator));
  host.node.accelerator_reason = kvm.reason;
  host.node.capacity = {read_cpu(limits), read_memory(limits)};
  host.node.platform = "linux/amd64";
  host.node.agent_version = agent_version;
  host.node.boot_id = read_line("/proc/sys/kernel/random/boot_id");
  host.node.overhead = kVmOverhead;
  host.cpus = static_cast<std::uint32_t>(std::max<std::int64_t>((host.node.capacity.cpu.value + 999) / 1000, 1));
  host.tsc_khz = measure_tsc_khz();
  return host;
}

}  // namespace unik::agent
