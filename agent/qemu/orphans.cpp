#include "agent/qemu/orphans.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "agent/forward/forward.hpp"
#include "agent/qemu/instance_dir.hpp"
#include "agent/qemu/process.hpp"
#include "agent/qemu/vm_spec.hpp"

namespace unik::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kEndWaitMs = 5000;
constexpr std::string_view kDeleted = " (deleted)";

std::vector<pid_t> own_processes() {
  std::vector<pid_t> pids;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", problem)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    struct stat info {};
    if (error != std::errc() || end != name.data() + name.size() || pid == ::getpid()) continue;
    if (::stat(entry.path().c_str(), &info) == 0 && info.st_uid == ::geteuid()) pids.push_back(pid);
  }
  return pids;
}

// A VM and its guard hold the lock of their instance for as long as they live.
bool holds_a_lock_that_is_gone(pid_t pid, const std::string& instances) {
  std::error_code problem;
  const std::string path =
      fs::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(kLockFd), problem).string();
  const std::string lock = '/' + std::string(kLockFile) + std::string(kDeleted);
  return !problem && path.starts_with(instances + '/') && path.ends_with(lock);
}

bool is_forwarder_of(const std::vector<std::string>& arguments, const std::string& directory) {
  return arguments.size() > 2 && arguments[1] == "forward" &&
         std::find(arguments.begin() + 2, arguments.end(), directory) != arguments.end();
}

std::string name_of(const std::vector<std::string>& arguments) {
  const auto name = std::find(arguments.begin(), arguments.end(), "-name");
  if (name != arguments.end() && name + 1 != arguments.end()) return name[1];
  return arguments.size() > 1 ? arguments[1] : "";
}

}  // namespace

std::vector<std::string> end_orphans(const std::string& state_dir) {
  std::error_code problem;
  const std::string instances = fs::weakly_canonical(state_dir, problem).string() + "/instances";
  const std::string forward = state_dir + "/forward";
  const bool forwarder_is_known = fs::exists(forward + '/' + std::string(kForwardSocket), problem);
  std::vector<std::string> names;
  std::vector<Fd> killed;
  for (const pid_t pid : own_processes()) {
    // Held before it is looked at: what is killed is what was seen.
    Fd pidfd = open_pidfd(pid);
    if (!pidfd) continue;
    const std::vector<std::string> arguments = process_arguments(pid);
    const bool stray_forwarder = !forwarder_is_known && is_forwarder_of(arguments, forward);
    if (!stray_forwarder && !holds_a_lock_that_is_gone(pid, instances)) continue;
    kill_process(pidfd);
    names.push_back(name_of(arguments));
    killed.push_back(std::move(pidfd));
  }
  for (const Fd& pidfd : killed) {
    pollfd ended{pidfd.get(), POLLIN, 0};
    ::poll(&ended, 1, kEndWaitMs);
  }
  return names;
}

}  // namespace unik::agent
