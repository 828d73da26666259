// Widens the queue of a listening socket that belongs to another process.
//
// QEMU's user-mode networking listens on each forwarded port with a backlog of 1: of 300 connections at once about half
// fail. The socket is found by address and port among the process's descriptors, copied with pidfd_getfd and listened
// on again. Needs the right to trace the process: the same uid, the process dumpable, and under Yama's ptrace_scope=1
// the process a descendant of the caller (a QEMU that the agent has just started is). QEMU's seccomp sandbox does not
// matter: the calls are ours. Linux 5.6 or later.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "api/result.hpp"

namespace unik::agent {

inline constexpr int kWideBacklog = 1024;

// `address` is numeric IPv4. Fails with `no_such_listener` while the process does not listen there (yet: it may be
// asked again), with `ptrace_denied` where the host forbids it.
Result<void> widen_backlog(pid_t pid, const std::string& address, std::uint16_t port);

}  // namespace unik::agent
