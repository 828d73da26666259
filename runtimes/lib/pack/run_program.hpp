// Runs a program of this host to its end: bounded in time and output, with a declared environment, and nothing of it
// left behind.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::runtimes {

struct ProgramRun {
  std::vector<std::string> args;  // the program by its path, then its arguments
  std::map<std::string, std::string> environment;
  std::filesystem::path directory = "/";
  Duration time_limit = std::chrono::minutes(10);
  std::function<void(std::string_view)> output;  // stdout and stderr together, as they come; may be empty
  std::function<void(std::string_view)> errors;  // given: stderr goes here, and `output` gets stdout alone
  // What puts back after a signal: it runs whatever signals came, and none is passed on to it.
  bool despite_signals = false;
  // Asked to stop, its group gets a SIGTERM, and is killed kStopGrace later.
  std::stop_token stop = {};
  // For one that passes on the signals which it gets, as this function does: it gets a SIGTERM too, instead of being
  // killed, when this process is killed outright, and kStopGrace after one when its time is up.
  bool cleans_up = false;
  bool in_background = false;  // at the lowest priority for CPU and disk
};

// Longer than what a program which is itself in here gives to what it runs, and to sweep up (descendants.hpp).
inline constexpr Duration kStopGrace = std::chrono::seconds(8);

// The exit code, or 128 and the signal. Its whole process group is killed when it ends or its time is up, and gets the
// SIGINT, SIGTERM or SIGHUP that would have ended this process (signal_relay.hpp); of a process that is killed outright
// the program itself dies too, but not what it has started. Errors: `timeout/program_timed_out`,
// `unavailable/cannot_run` (no such program or directory, no process to be had), `unavailable/stopped` (`stop`),
// `unavailable/interrupted`, from then on at each call but those `despite_signals`.
Result<int> run_program(const ProgramRun& run);

}  // namespace unik::runtimes
