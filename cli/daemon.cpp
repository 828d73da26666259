#include "cli/daemon.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <span>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

extern char** environ;

namespace unik::cli {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(20);
constexpr std::size_t kLogLineShown = 400;  // bytes
constexpr std::size_t kStatBytes = 1024;    // more than a line of /proc/PID/stat has
constexpr int kStartTimeField = 22;         // of that line

// Bits of field 9 of /proc/PID/stat (PF_EXITING, PF_SIGNALED of the kernel): it is on its way out.
constexpr unsigned long kLeaving = 0x4 | 0x400;

// A SIGKILL that has been sent and not yet been taken: kill returns before the process is gone.
bool is_being_killed(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("SigPnd:", 0) == 0 || line.rfind("ShdPnd:", 0) == 0)
      if ((std::strtoull(line.c_str() + std::strlen("SigPnd:"), nullptr, 16) >> (SIGKILL - 1) & 1) != 0) return true;
  return false;
}

// Field 22 of /proc/PID/stat, counted after the last `)` since the program's name may hold anything. A zombie has
// ended, whatever its pid says, and so has one that was killed a moment ago.
std::optional<std::string> start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t paren = line.rfind(')');
  if (!file || paren == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(paren + 1));
  std::string field;
  for (int number = 3; fields >> field; ++number) {
    if (number == 3 && (field == "Z" || field == "X")) return std::nullopt;
    if (number == 9 && (std::strtoul(field.c_str(), nullptr, 10) & kLeaving) != 0) return std::nullopt;
    if (number == kStartTimeField) return is_being_killed(pid) ? std::nullopt : std::optional(field);
  }
  return std::nullopt;
}

std::string reason(int number) {
  return std::strerror(number);
}

// `PID STARTTIME` of this process, out of /proc/self/stat, in `buffer`; empty where that cannot be read.
std::string_view identity(std::span<char> buffer) {
  const int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? -1 : read(file, buffer.data(), buffer.size());
  if (file >= 0) close(file);
  const std::string_view text(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  std::size_t at = text.rfind(')');
  for (int number = 2; number < kStartTimeField && at != std::string_view::npos; ++number) at = text.find(' ', at + 1);
  const std::size_t pid_end = text.find(' ');
  const std::size_t end = at == std::string_view::npos ? at : text.find(' ', at + 1);
  if (end == std::string_view::npos) return {};
  std::memmove(buffer.data() + pid_end, buffer.data() + at, end - at);
  return text.substr(0, pid_end + end - at);
}

// The child's way from fork to exec, with nothing but system calls, since other threads of the parent may hold locks.
// It writes its own pidfile: no end of the parent, however sudden, leaves a daemon that nobody knows of. What failed
// goes to `report` as an errno.
[[noreturn]] void become(const DaemonSpec& spec, char* const* argv, int report) {
  char buffer[kStatBytes];
  sigset_t none;
  sigemptyset(&none);
  setsid();
  const int null = open("/dev/null", O_RDONLY);
  const int log = open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int pid_file = open(spec.pid_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string_view own = identity(buffer);
  if (!own.empty() && null >= 0 && log >= 0 && pid_file >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
      dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 &&
      write(pid_file, own.data(), own.size()) == static_cast<ssize_t>(own.size())) {
    if (null > STDERR_FILENO) close(null);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(argv[0], argv, environ);
  }
  const int problem = own.empty() ? EIO : errno;
  (void)!write(report, &problem, sizeof problem);
  _exit(127);
}

}  // namespace

std::optional<pid_t> running(const std::filesystem::path& pid_file) {
  std::ifstream file(pid_file);
  pid_t pid = 0;
  std::string started;
  if (!(file >> pid >> started) || pid <= 1) return std::nullopt;
  if (start_time(pid) != started) return std::nullopt;
  return pid;
}

bool is_outdated(const DaemonSpec& spec) {
  const auto pid = running(spec.pid_file);
  struct stat own, theirs;
  // The link leads to the very file, also where its name has gone or has been given to another.
  return pid && ::stat(spec.program.c_str(), &own) == 0 &&
         ::stat(("/proc/" + std::to_string(*pid) + "/exe").c_str(), &theirs) == 0 &&
         (own.st_dev != theirs.st_dev || own.st_ino != theirs.st_ino);
}

Result<pid_t> start(const DaemonSpec& spec) {
  if (access(spec.program.c_str(), X_OK) != 0)
    return not_found("no_such_program", "want " + spec.name + " at " + spec.program.string() + ": " + reason(errno) +
                                            "; install the three programs into one directory");
  std::vector<std::string> words{spec.program.string()};
  words.insert(words.end(), spec.args.begin(), spec.args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return unavailable("cannot_start", "no pipe: " + reason(errno));
  const pid_t pid = fork();
  if (pid == 0) become(spec, argv.data(), ends[1]);
  const int failed = errno;
  close(ends[1]);
  int problem = pid < 0 ? failed : 0;
  if (pid > 0 && read(ends[0], &problem, sizeof problem) == sizeof problem) waitpid(pid, nullptr, 0);
  close(ends[0]);
  if (problem != 0)
    return unavailable("cannot_start", "cannot start " + spec.program.string() + " with its log in " +
                                           spec.log_file.string() + ": " + reason(problem));
  return pid;
}

std::optional<std::string> ended(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  if (WIFEXITED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  return "was killed by signal " + std::to_string(WTERMSIG(status));
}

Result<bool> stop(const std::filesystem::path& pid_file, Duration grace) {
  const auto pid = running(pid_file);
  std::error_code ignored;
  if (!pid) {
    std::filesystem::remove(pid_file, ignored);
    return false;
  }
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (kill(*pid, signal) != 0 && errno != ESRCH)
      return unavailable("cannot_stop", "cannot stop process " + std::to_string(*pid) + ": " + reason(errno));
    for (Duration waited{}; waited < grace; waited += kPoll) {
      if (ended(*pid) || !running(pid_file)) {
        std::filesystem::remove(pid_file, ignored);
        return true;
      }
      std::this_thread::sleep_for(kPoll);
    }
  }
  return unavailable("cannot_stop", "process " + std::to_string(*pid) + " does not end, not even by SIGKILL");
}

std::string tail_of(const std::filesystem::path& log_file, std::size_t lines) {
  constexpr std::streamoff kTailBytes = 64 << 10;
  std::ifstream file(log_file, std::ios::binary);
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line);) {
    last.push_back(line.substr(0, kLogLineShown));
    if (last.size() > lines) last.pop_front();
  }
  std::string text;
  for (const std::string& line : last) text += "\n  " + line;
  return text;
}

Result<StartLock> StartLock::take(const std::filesystem::path& file, Duration patience) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return unavailable("cannot_lock", "cannot open " + file.string() + ": " + reason(errno));
  StartLock lock(fd);
  for (Duration waited{}; waited <= patience; waited += kPoll) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    std::this_thread::sleep_for(kPoll);
  }
  return timed_out("start_in_progress", "another unikctl has been starting or stopping the local control plane for " +
                                            format_duration(patience) + "; wait for it or end it");
}

StartLock::~StartLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace unik::cli
