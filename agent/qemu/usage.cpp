#include "agent/qemu/usage.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace unik::agent {
namespace {

struct ProcessUse {
  std::uint64_t cpu_ticks = 0;
  std::int64_t resident_pages = 0;
};

// `/proc/PID/stat`: 14 and 15 are user and system time, 24 is the resident set; the name may hold spaces.
ProcessUse read_use(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  ProcessUse use;
  std::string field;
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    if (number == 14 || number == 15) use.cpu_ticks += std::strtoull(field.c_str(), nullptr, 10);
    if (number == 24) use.resident_pages = std::strtoll(field.c_str(), nullptr, 10);
  }
  return use;
}

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

}  // namespace

std::optional<Resources> UsageMeter::measure(std::span<const pid_t> pids, Time now) {
  static const std::int64_t page_bytes = sysconf(_SC_PAGESIZE);
  static const std::int64_t ticks_per_second = sysconf(_SC_CLK_TCK);
  std::map<pid_t, std::uint64_t> ticks_now;
  std::int64_t pages = 0;
  std::uint64_t ticks = 0;
  for (const pid_t pid : pids) {
    const ProcessUse use = read_use(pid);
    pages += use.resident_pages;
    ticks_now[pid] = use.cpu_ticks;
    const auto before = cpu_ticks_.find(pid);
    const std::uint64_t since = before == cpu_ticks_.end() ? 0 : before->second;
    ticks += use.cpu_ticks - std::min(since, use.cpu_ticks);
  }
  const Duration elapsed = measured_ ? now - *measured_ : Duration::zero();
  cpu_ticks_ = std::move(ticks_now);
  measured_ = now;

  Resources used;
  used.memory.value = round_up(pages * page_bytes, kMemoryStep.value);
  const std::int64_t milliseconds = elapsed.count() / 1000;
  if (milliseconds > 0)
    used.cpu.value =
        round_up(static_cast<std::int64_t>(ticks) * 1'000'000 / ticks_per_second / milliseconds, kCpuStep.value);
  if (used == told_) return std::nullopt;
  told_ = used;
  return used;
}

}  // namespace unik::agent
