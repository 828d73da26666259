#include "agent/host/cgroups.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace unik::agent {
namespace {

// No limit, as v1 writes it: the largest multiple of a page, give or take.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> list;
  for (std::string word; stream >> word;) list.push_back(word);
  return list;
}

bool lists(const std::string& options, std::string_view option) {
  return (',' + options + ',').find(',' + std::string(option) + ',') != std::string::npos;
}

std::string join(const std::string& mount, const std::string& path) {
  return path == "/" ? mount : mount + path;
}

std::optional<std::int64_t> read_number(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

template <typename T>
void tighten(std::optional<T>& limit, T value) {
  if (!limit || value < *limit) limit = value;
}

// Calls for the group and each one above it that still lies in a cgroup file system.
template <typename Visit>
void upwards(std::string group, std::string_view mark, Visit visit) {
  while (access((group + '/' + std::string(mark)).c_str(), F_OK) == 0) {
    visit(group);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos || slash == 0) return;
    group.resize(slash);
  }
}

void read_v2(const std::string& own, CgroupLimits& limits) {
  upwards(own, "cgroup.procs", [&limits](const std::string& group) {
    if (const auto bytes = read_number(group + "/memory.max")) tighten(limits.memory, Bytes{*bytes});
    std::ifstream file(group + "/cpu.max");
    std::int64_t quota = 0;
    std::int64_t period = 0;
    if (file >> quota >> period && period > 0) tighten(limits.cpu, MilliCpu{quota * 1000 / period});
  });
}

}  // namespace

Cgroups parse_cgroups(std::string_view mounts, std::string_view groups) {
  std::map<std::string, std::string> mount_points;  // controller, or empty for v2
  std::istringstream mount_lines{std::string(mounts)};
  for (std::string line; std::getline(mount_lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> place = words(line.substr(0, dash));
    const std::vector<std::string> kind = words(line.substr(dash + 3));
    if (place.size() < 5 || kind.size() < 3) continue;
    if (kind[0] == "cgroup2") mount_points[""] = place[4];
    if (kind[0] != "cgroup") continue;
    for (const char* controller : {"memory", "cpu"})
      if (lists(kind[2], controller)) mount_points[controller] = place[4];
  }
  Cgroups found;
  std::istringstream group_lines{std::string(groups)};
  for (std::string line; std::getline(group_lines, line);) {
    // `4:memory:/some/group`, `0::/some/group`
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty() && mount_points.contains("")) found.v2 = join(mount_points[""], path);
    if (lists(controllers, "memory") && mount_points.contains("memory"))
      found.v1_memory = join(mount_points["memory"], path);
    if (lists(controllers, "cpu") && mount_points.contains("cpu")) found.v1_cpu = join(mount_points["cpu"], path);
  }
  return found;
}

Cgroups find_cgroups() {
  const std::string mounts = read_all("/proc/self/mountinfo");
  Cgroups found = parse_cgroups(mounts, read_all("/proc/self/cgroup"));
  const Cgroups tops = parse_cgroups(mounts, "0::/\n1:memory:/\n2:cpu:/\n");
  const auto settle = [](std::optional<std::string>& group, const std::optional<std::string>& top) {
    if (group && access(group->c_str(), F_OK) != 0) group = top;
  };
  settle(found.v2, tops.v2);
  settle(found.v1_memory, tops.v1_memory);
  settle(found.v1_cpu, tops.v1_cpu);
  return found;
}

CgroupLimits read_cgroup_limits(const Cgroups& cgroups) {
  CgroupLimits limits;
  if (cgroups.v2) read_v2(*cgroups.v2, limits);
  if (cgroups.v1_memory)
    upwards(*cgroups.v1_memory, "cgroup.procs", [&limits](const std::string& group) {
      const auto bytes = read_number(group + "/memory.limit_in_bytes");
      if (bytes && *bytes < kNoLimit) tighten(limits.memory, Bytes{*bytes});
    });
  if (cgroups.v1_cpu)
    upwards(*cgroups.v1_cpu, "cgroup.procs", [&limits](const std::string& group) {
      const auto quota = read_number(group + "/cpu.cfs_quota_us");
      const auto period = read_number(group + "/cpu.cfs_period_us");
      if (quota && period && *quota > 0 && *period > 0) tighten(limits.cpu, MilliCpu{*quota * 1000 / *period});
    });
  return limits;
}

}  // namespace unik::agent
