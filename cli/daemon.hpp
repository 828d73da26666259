// A program of ours that runs on after the CLI has ended: its pidfile, its log, and its end. Linux only.
//
// The pidfile holds `PID STARTTIME` (field 22 of /proc/PID/stat), so that a reused pid is never taken for ours.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::cli {

struct DaemonSpec {
  std::string name;  // `unik-controller`, for messages
  std::filesystem::path program;
  std::vector<std::string> args;  // without the program's own name
  std::filesystem::path pid_file;
  std::filesystem::path log_file;
};

// The process of the pidfile, if it is still that one.
std::optional<pid_t> running(const std::filesystem::path& pid_file);

// The process of the pidfile runs another file than `spec.program`: one of an earlier build, or of another place.
bool is_outdated(const DaemonSpec& spec);

// Starts it in a session of its own, stdin closed, output appended to the log; its pidfile is there before its program
// begins, whatever becomes of the caller, and a StartLock that the caller holds is held until then. Errors:
// `not_found`/`no_such_program`, `unavailable`/`cannot_start`.
Result<pid_t> start(const DaemonSpec& spec);

// A child of this process that has ended: how (`exited with code 2`, `was killed by signal 9`).
std::optional<std::string> ended(pid_t pid);

// SIGTERM, then SIGKILL after `grace`; the pidfile goes. Whether there was one. Errors: `unavailable`/`cannot_stop`.
Result<bool> stop(const std::filesystem::path& pid_file, Duration grace);

// The last lines of a log, each indented by two spaces; empty where there are none.
std::string tail_of(const std::filesystem::path& log_file, std::size_t lines);

// Held while a control plane is started or stopped, so that two commands do not do it at once. Dies with the process.
class StartLock {
 public:
  // Waits at most `patience`. Errors: `unavailable`/`cannot_lock`, `timeout`/`start_in_progress`.
  static Result<StartLock> take(const std::filesystem::path& file, Duration patience);

  StartLock(StartLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  StartLock& operator=(StartLock&&) = delete;
  ~StartLock();

 private:
  explicit StartLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace unik::cli
