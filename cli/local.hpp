// The control plane of this machine: one controller and one agent under $UNIKCTL_HOME, started when they are needed.
//
//   controller.sock                     where the controller listens; this user alone may connect
//   agent/                              the agent's state
//   run/{controller,agent}.pid, start.lock
//   log/{controller,agent}.log
//
// VMs belong to neither process: they run on through `down`, and the next `up` takes them over.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/environment.hpp"

namespace unik::cli {

inline constexpr std::string_view kLocalNode = "local";

struct LocalPaths {
  std::filesystem::path home;
  std::filesystem::path socket;
  std::filesystem::path agent_state;
  std::filesystem::path controller_pid;
  std::filesystem::path agent_pid;
  std::filesystem::path controller_log;
  std::filesystem::path agent_log;
  std::filesystem::path lock;

  bool operator==(const LocalPaths&) const = default;
};

LocalPaths local_paths(const Environment& environment);

// Whether the local control plane can keep its state there: each of its directories, or the nearest one above it, may
// be written. Changes nothing. Errors: `unavailable`/`no_home`.
Result<void> check_home(const Environment& environment);

// What was done, sentence by sentence.
using Say = std::function<void(const std::string&)>;

struct UpResult {
  bool started_controller = false;
  bool started_agent = false;
};

// Returns once the controller answers /readyz and the node is ready. What runs already is left alone. Errors: those of
// Daemon; `unavailable`/`controller_failed`, `unavailable`/`agent_failed` with the log's last lines; `timeout`/
// `not_ready`.
Result<UpResult> ensure_up(const Environment& environment, const Api& api, const Say& say);

// Stops the controller and the agent of another build than this program's, so that `ensure_up` starts this one's.
// Errors: those of Daemon.
Result<void> stop_outdated(const Environment& environment, const Api& api, const Say& say);

struct DownResult {
  bool stopped_controller = false;
  bool stopped_agent = false;
};

// Stops the agent first, so that it can still tell the controller.
Result<DownResult> ensure_down(const Environment& environment);

// The control plane is ready to serve.
bool is_up(const Api& api);

// An agent that `ensure_up` started has ended without `ensure_down`. One that somebody else runs is not ours to judge.
bool agent_died(const Environment& environment);

}  // namespace unik::cli
