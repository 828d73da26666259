#include "cli/local.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "cli/daemon.hpp"
#include "wire/clock.hpp"
#include "wire/private_directory.hpp"

namespace unik::cli {
namespace {

constexpr Duration kControllerPatience = std::chrono::seconds(30);
constexpr Duration kProbeTimeout =
    std::chrono::seconds(2);  // a control plane that has nothing to replay answers at once
// Its first probe of the accelerator included, and where its record was lost, the time until its name is free again.
constexpr Duration kAgentPatience = std::chrono::seconds(120);
constexpr Duration kLockPatience = std::chrono::seconds(180);  // longer than both
constexpr Duration kStopGrace = std::chrono::seconds(15);
constexpr Duration kSilentWait = std::chrono::seconds(5);
constexpr Duration kFirstPoll = std::chrono::milliseconds(5);
constexpr Duration kLastPoll = std::chrono::milliseconds(200);
constexpr std::size_t kTailLines = 12;
constexpr int kStartRounds = 3;  // of a controller that ends again while its node begins

std::vector<std::filesystem::path> directories_of(const LocalPaths& paths) {
  return {paths.home, paths.agent_pid.parent_path(), paths.agent_log.parent_path(), paths.agent_state};
}

Error no_home(const std::string& what, const std::filesystem::path& dir, const std::string& why) {
  return unavailable("no_home",
                     "cannot " + what + " " + dir.string() + ": " + why + "; set UNIKCTL_HOME to a directory of yours");
}

// Files of another user's home, root's among them, would be closed to its owner from then on.
Result<void> check_owner(const std::filesystem::path& home) {
  struct stat info;
  if (::stat(home.c_str(), &info) != 0 || info.st_uid == ::geteuid()) return {};
  return no_home("use", home,
                 "it belongs to user " + std::to_string(info.st_uid) + ", and this is user " +
                     std::to_string(::geteuid()) + ", whose files would lock them out");
}

// Who may write there may run VMs as this user: so nobody else may.
Result<void> ensure_dirs(const LocalPaths& paths) {
  if (const auto owned = check_owner(paths.home); !owned) return owned;
  for (const auto& dir : directories_of(paths)) {
    if (const std::error_code problem = wire::make_private_directory(dir))
      return no_home("create", dir, problem.message());
  }
  return {};
}

// Polls `done` until it holds, `pid` has ended, or the time is over.
Result<void> wait_until(const std::function<bool()>& done, pid_t pid, const DaemonSpec& spec, Duration patience,
                        const std::string& wanted, const Say& say) {
  bool said = false;
  const auto begin = std::chrono::steady_clock::now();
  for (Duration pause = kFirstPoll;; pause = std::min(pause * 2, kLastPoll)) {
    if (done()) return {};
    if (pid > 0) {
      if (const auto how = ended(pid))
        return unavailable(spec.name == "unik-agent" ? "agent_failed" : "controller_failed",
                           spec.name + " " + *how + " before it was ready; the end of " + spec.log_file.string() + ":" +
                               tail_of(spec.log_file, kTailLines));
    }
    if (std::chrono::steady_clock::now() - begin > patience)
      return timed_out("not_ready", wanted + " is not ready after " + format_duration(patience) + "; the end of " +
                                        spec.log_file.string() + ":" + tail_of(spec.log_file, kTailLines));
    if (!said && std::chrono::steady_clock::now() - begin > kSilentWait) {
      said = true;
      say("waiting for " + wanted + "; the last line of its log:" + tail_of(spec.log_file, 1));
    }
    std::this_thread::sleep_for(pause);
  }
}

// No longer than the caller would wait for an answer.
Duration within(const Api& api, Duration patience) {
  return api.deadline() ? std::clamp(*api.deadline() - wire::read_clock().boot, Duration::zero(), patience) : patience;
}

DaemonSpec controller_spec(const Environment& environment, const LocalPaths& paths) {
  return {"unik-controller",
          environment.program_dir / "unik-controller",
          {"--home", paths.home.string(), "--listen-unix", paths.socket.string(), "--log-file",
           paths.controller_log.string(),
           // Whoever reaches the socket is this very user, whose code the build would run.
           "--allow-builds"},
          paths.controller_pid,
          paths.controller_log};
}

DaemonSpec agent_spec(const Environment& environment, const LocalPaths& paths) {
  return {"unik-agent",
          environment.program_dir / "unik-agent",
          {"run", "--controller", wire::to_string(wire::unix_endpoint(paths.socket.string())), "--node",
           std::string(kLocalNode), "--state", paths.agent_state.string(), "--publish-address", "127.0.0.1",
           "--log-file", paths.agent_log.string()},
          paths.agent_pid,
          paths.agent_log};
}

// Starts the controller where none answers.
Result<void> ensure_controller(const Environment& environment, const LocalPaths& paths, const Api& api, const Say& say,
                               UpResult& result) {
  if (is_up(api)) return {};
  const DaemonSpec controller = controller_spec(environment, paths);
  pid_t started = 0;
  if (!running(paths.controller_pid)) {
    say("starting the local controller (log: " + paths.controller_log.string() + ")");
    const auto pid = start(controller);
    if (!pid) return pid.error();
    started = *pid;
    result.started_controller = true;
  }
  return wait_until([&] { return is_up(api); }, started, controller, within(api, kControllerPatience),
                    "the local controller", say);
}

// Starts the agent where none runs, and waits for its node. False: what ran before has ended meanwhile.
Result<bool> ensure_node(const Environment& environment, const LocalPaths& paths, const Api& api, const Say& say,
                         UpResult& result) {
  const bool controller_is_ours = running(paths.controller_pid).has_value();
  const DaemonSpec agent = agent_spec(environment, paths);
  pid_t started = 0;
  std::uint64_t dead_start = 0;  // an agent that has died still counts as ready for a while
  if (!running(paths.agent_pid)) {
    if (const auto node = api.node(std::string(kLocalNode))) dead_start = node->agent_start;
    say("starting the local agent (log: " + paths.agent_log.string() + ")");
    const auto pid = start(agent);
    if (!pid) return pid.error();
    started = *pid;
    result.started_agent = true;
  }
  bool one_ended = false;
  const auto settled = [&] {
    one_ended = (controller_is_ours && !running(paths.controller_pid)) || (started == 0 && !running(paths.agent_pid));
    if (one_ended) return true;
    const auto node = api.node(std::string(kLocalNode));
    // Heard by this very controller: before, it knows no port of its apps.
    return node && node->health == "ready" && node->last_report_ago && node->agent_start != dead_start;
  };
  const auto ready = wait_until(settled, started, agent, within(api, kAgentPatience), "the local node", say);
  if (!ready) return ready.error();
  return !one_ended;
}

}  // namespace

LocalPaths local_paths(const Environment& environment) {
  const std::filesystem::path home = home_of(environment);
  return {home,
          local_socket(environment),
          home / "agent",
          home / "run" / "controller.pid",
          home / "run" / "agent.pid",
          home / "log" / "controller.log",
          home / "log" / "agent.log",
          home / "run" / "start.lock"};
}

Result<void> check_home(const Environment& environment) {
  if (const auto owned = check_owner(local_paths(environment).home); !owned) return owned;
  for (std::filesystem::path place : directories_of(local_paths(environment))) {
    std::error_code ignored;
    while (!std::filesystem::exists(place, ignored) && place.has_relative_path()) place = place.parent_path();
    if (!std::filesystem::is_directory(place, ignored)) return no_home("write into", place, "it is no directory");
    if (access(place.c_str(), W_OK | X_OK) != 0)
      return no_home("write into", place, std::generic_category().message(errno));
  }
  return {};
}

bool is_up(const Api& api) {
  return api.until(wire::read_clock().boot + kProbeTimeout).ready().ok();
}

bool agent_died(const Environment& environment) {
  const LocalPaths paths = local_paths(environment);
  std::error_code ignored;
  return std::filesystem::exists(paths.agent_pid, ignored) && !running(paths.agent_pid);
}

Result<void> stop_outdated(const Environment& environment, const Api& api, const Say& say) {
  const LocalPaths paths = local_paths(environment);
  if (const auto made = ensure_dirs(paths); !made) return made.error();
  const auto lock = StartLock::take(paths.lock, within(api, kLockPatience));
  if (!lock) return lock.error();
  for (const DaemonSpec& daemon : {agent_spec(environment, paths), controller_spec(environment, paths)}) {
    if (!is_outdated(daemon)) continue;
    say("the " + daemon.name + " that runs is of another build: stopping it; VMs run on");
    if (const auto stopped = stop(daemon.pid_file, kStopGrace); !stopped) return stopped.error();
  }
  return {};
}

Result<UpResult> ensure_up(const Environment& environment, const Api& api, const Say& say) {
  const LocalPaths paths = local_paths(environment);
  if (const auto made = ensure_dirs(paths); !made) return made.error();
  const auto lock = StartLock::take(paths.lock, within(api, kLockPatience));
  if (!lock) return lock.error();

  UpResult result;
  for (int round = 0; round < kStartRounds; ++round) {
    if (const auto up = ensure_controller(environment, paths, api, say, result); !up) return up.error();
    const auto node = ensure_node(environment, paths, api, say, result);
    if (!node) return node.error();
    if (*node) return result;
    say("the local controller or agent has ended before the local node was ready");
  }
  return unavailable("controller_failed", "the local controller or agent has ended " + std::to_string(kStartRounds) +
                                              " times before the local node was ready; the end of " +
                                              paths.controller_log.string() + ":" +
                                              tail_of(paths.controller_log, kTailLines) + "\nand of " +
                                              paths.agent_log.string() + ":" + tail_of(paths.agent_log, kTailLines));
}

Result<DownResult> ensure_down(const Environment& environment) {
  const LocalPaths paths = local_paths(environment);
  DownResult result;
  std::error_code ignored;
  if (!std::filesystem::exists(paths.lock.parent_path(), ignored)) return result;
  const auto lock = StartLock::take(paths.lock, kLockPatience);
  if (!lock) return lock.error();
  const auto agent = stop(paths.agent_pid, kStopGrace);
  if (!agent) return agent.error();
  result.stopped_agent = *agent;
  const auto controller = stop(paths.controller_pid, kStopGrace);
  if (!controller) return controller.error();
  result.stopped_controller = *controller;
  return result;
}

}  // namespace unik::cli
