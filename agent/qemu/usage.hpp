// What VMs use by the host's own measure: resident memory and processor time of their QEMU processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "api/time.hpp"
#include "api/units.hpp"

namespace unik::agent {

// Steps in which usage is told, so that a report changes only when something has.
inline constexpr MilliCpu kCpuStep{50};
inline constexpr Bytes kMemoryStep = mebibytes(16);

class UsageMeter {
 public:
  // The sum over `pids` since the measure before; empty when it is, rounded up to whole steps, what was told last.
  std::optional<Resources> measure(std::span<const pid_t> pids, Time now);

 private:
  std::map<pid_t, std::uint64_t> cpu_ticks_;
  std::optional<Time> measured_;
  Resources told_;
};

}  // namespace unik::agent
