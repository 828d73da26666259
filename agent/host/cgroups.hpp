// Where this process stands in the host's cgroups, and what they leave to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/units.hpp"

namespace unik::agent {

// Directories of this process's own group in each hierarchy; absent where the host has none.
struct Cgroups {
  std::optional<std::string> v2;
  std::optional<std::string> v1_memory;
  std::optional<std::string> v1_cpu;

  bool operator==(const Cgroups&) const = default;
};

// Pure: from the text of /proc/self/mountinfo and /proc/self/cgroup.
Cgroups parse_cgroups(std::string_view mounts, std::string_view groups);

// The same, read now; a directory that does not exist here (another namespace's) gives way to the hierarchy's top.
Cgroups find_cgroups();

// The tightest limit of this process's groups and those above them; absent: none.
struct CgroupLimits {
  std::optional<MilliCpu> cpu;
  std::optional<Bytes> memory;

  bool operator==(const CgroupLimits&) const = default;
};
CgroupLimits read_cgroup_limits(const Cgroups& cgroups);

}  // namespace unik::agent
