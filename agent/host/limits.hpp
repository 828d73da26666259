// Keeps a VM within what it was given: cgroup v2 where its memory and cpu controllers are ours to use, else cgroup v1,
// else resource limits and niceness of the process, which is all that is left.
//
// A VM's memory limit is the guest's RAM and kVmmMemoryLimit for QEMU itself. Applying and releasing are queued to a
// thread of its own, since the kernel takes 5 to 25 ms to move a process into a cgroup.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "agent/qemu/launch.hpp"
#include "api/units.hpp"

namespace unik::agent {

// Of QEMU itself beside the guest's RAM, at most: kTcgCacheMib of translated code, tables, stacks, packets in flight. A
// VM beyond it is killed by the kernel, so it is generous; what a VM usually takes is kVmOverhead (host_info.hpp).
inline constexpr Bytes kVmmMemoryLimit = mebibytes(192);
inline constexpr int kFallbackNice = 5;

enum class LimitKind : std::uint8_t { kCgroupV2, kCgroupV1, kProcess };

class Limits {
 public:
  // `group` names this agent's own cgroup among those of other agents: a plain file name.
  static std::unique_ptr<Limits> detect(const std::string& group);
  ~Limits();
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  LimitKind kind() const;
  // `cgroup v1 (memory, cpu)`, `process limits only: no cgroup is writable`
  const std::string& description() const;

  // What QEMU's process begins with: nothing where there is a cgroup.
  ProcessLimits process_limits(const Resources& resources) const;

  // Both return at once; again for the same VM is harmless. A failure is logged.
  void apply(const std::string& vm, pid_t pid, const Resources& resources);
  void release(const std::string& vm);

 private:
  class State;
  explicit Limits(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
