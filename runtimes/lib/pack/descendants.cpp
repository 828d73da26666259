#include "runtimes/lib/pack/descendants.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr auto kSweepPause = std::chrono::milliseconds(5);

// `42 (its name) S 7 ...`, where the name may hold anything.
bool is_child(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(") ");
  constexpr std::size_t kToParent = 4;
  if (name_end == std::string::npos || line.size() < name_end + kToParent) return false;
  pid_t parent = 0;
  std::from_chars(line.data() + name_end + kToParent, line.data() + line.size(), parent);
  return parent == ::getpid();
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code problem;
  for (fs::directory_iterator it("/proc", problem), end; !problem && it != end; it.increment(problem)) {
    const std::string name = it->path().filename();
    pid_t process = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error == std::errc() && rest == name.data() + name.size() && is_child(it->path())) found.push_back(process);
  }
  return found;
}

// Whether any child is left when those that have ended are taken away.
bool any_left() {
  while (true) {
    const pid_t ended = ::waitpid(-1, nullptr, WNOHANG);
    if (ended == 0) return true;
    if (ended < 0 && errno != EINTR) return false;
  }
}

}  // namespace

Descendants::Descendants() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Descendants::~Descendants() {
  const auto deadline = std::chrono::steady_clock::now() + kSweepLimit;
  while (any_left() && std::chrono::steady_clock::now() < deadline) {
    for (const pid_t child : children()) ::kill(child, SIGKILL);
    std::this_thread::sleep_for(kSweepPause);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace unik::runtimes
