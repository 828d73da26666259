// Starts programs that outlive this one, and recognises them later.
//
// A child is in a session of its own, inherits exactly the descriptors that it is given, and has default signal
// handlers. It writes its pid to `pid_file` itself, before it becomes the program: there is no moment at which the
// program runs and its pid is not on disk. Nothing here waits for more than the exec.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"

namespace unik::agent {

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH unless it has a slash
  // (ours, the child's number); the child's numbers are below kChildFds. Others are closed, 0 to 2 are /dev/null.
  std::vector<std::pair<int, int>> descriptors;
  std::string pid_file;  // empty: none
  int nice = 0;
  std::uint64_t address_space_bytes = 0;  // RLIMIT_AS; 0: as ours
  int oom_score_adj = 0;                  // 0: as ours
};

inline constexpr int kChildFds = 16;

struct Process {
  pid_t pid = 0;
  Fd pidfd;
};

// Errors: `unavailable`/`spawn_failed` naming the program and the system's reason.
Result<Process> start_process(const ProcessSpec& spec);

// How a child of ours ended: its exit status, or the signal that killed it.
struct Ended {
  bool signaled = false;
  int code = 0;

  bool operator==(const Ended&) const = default;
};

// Takes the end of a child whose pidfd is readable. Empty when it is not our child (an adopted one).
std::optional<Ended> reap(const Fd& pidfd);

// A running process by pid; an empty Fd when there is none.
Fd open_pidfd(pid_t pid);

// Its argv from /proc, empty when it is gone, a zombie or not to be read.
std::vector<std::string> process_arguments(pid_t pid);

// Clock ticks since the host's boot at which it was started; with the pid it names one process for good. 0: gone.
std::uint64_t process_start_ticks(pid_t pid);

// SIGKILL to the process, by pidfd: never to a later process of the same pid.
void kill_process(const Fd& pidfd);

// The program's path as exec would find it. Errors: `not_found`/`no_such_program`.
Result<std::string> find_program(const std::string& name);

}  // namespace unik::agent
