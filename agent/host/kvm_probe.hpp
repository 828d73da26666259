// Whether /dev/kvm really runs ordinary guests: on some hosts it opens, tiny guests work, and no kernel boots.
//
// The probe runs a long-mode guest with paging (2 million loops, 64 page table switches) in a child process of its own,
// which is killed at the deadline, so that a KVM that hangs cannot hang the agent.
#pragma once

#include <string>

#include "api/time.hpp"

namespace unik::agent {

inline constexpr Duration kKvmDeadline = std::chrono::milliseconds(200);

struct KvmProbe {
  bool usable = false;
  std::string reason;  // why not, as a sentence; empty when usable

  bool operator==(const KvmProbe&) const = default;
};

// Takes at most `deadline` and a moment.
KvmProbe probe_kvm(const std::string& device = "/dev/kvm", Duration deadline = kKvmDeadline);

}  // namespace unik::agent
