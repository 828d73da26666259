#include "agent/qemu/process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "api/check.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kChildStackBytes = 64 * 1024;
constexpr std::size_t kMaxArgumentBytes = 256 * 1024;

#if defined(__SANITIZE_THREAD__)
// ThreadSanitizer keeps its books on our thread in our memory, where a child would write on.
constexpr int kSharing = CLONE_VFORK;
#else
constexpr int kSharing = CLONE_VM | CLONE_VFORK;
#endif

// Everything that the child needs, made ready by the parent: between clone and exec it only makes system calls. It
// shares our memory, and we stand still until it has become the program.
struct ChildPlan {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* envp = nullptr;
  const ProcessSpec* spec = nullptr;
  const char* pid_file = nullptr;
  const char* oom_score = nullptr;
  int null_fd = -1;
  int error = 0;              // out: why there is no program
  const char* step = "exec";  // out: what failed
};

// A decimal number without the C library; the digits and a line feed are written to `fd`.
void write_pid(int fd, pid_t pid) {
  std::array<char, 24> text;
  std::size_t at = text.size();
  text[--at] = '\n';
  do text[--at] = static_cast<char>('0' + pid % 10);
  while ((pid /= 10) > 0);
  (void)!write(fd, &text[at], text.size() - at);
}

void write_all(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, text, std::strlen(text));
  close(fd);
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_DFL) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
  // Not the caller's mask: a thread that blocks SIGTERM must not hand that down.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void set_limits(const ProcessSpec& spec) {
  const rlimit no_core{0, 0};  // a core file would hold the guest's secrets
  setrlimit(RLIMIT_CORE, &no_core);
  if (spec.address_space_bytes != 0) {
    const rlimit limit{spec.address_space_bytes, spec.address_space_bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
  if (spec.nice != 0) setpriority(PRIO_PROCESS, 0, spec.nice);
}

// First out of the way of the numbers that will be given, then into place.
bool place_descriptors(const ChildPlan& plan) {
  std::array<int, kChildFds> source;
  source.fill(-1);
  for (int number = 0; number < 3; ++number) source[static_cast<std::size_t>(number)] = plan.null_fd;
  for (const auto& [ours, number] : plan.spec->descriptors) source[static_cast<std::size_t>(number)] = ours;
  for (int& fd : source)
    if (fd >= 0 && (fd = fcntl(fd, F_DUPFD, kChildFds)) < 0) return false;
  for (int number = 0; number < kChildFds; ++number) {
    if (source[static_cast<std::size_t>(number)] < 0) {
      close(number);
      continue;
    }
    if (dup2(source[static_cast<std::size_t>(number)], number) < 0) return false;
  }
  syscall(SYS_close_range, kChildFds, ~0U, 0);  // an older kernel: ours are all close-on-exec but the copies
  return true;
}

int child_main(void* argument) {
  auto& plan = *static_cast<ChildPlan*>(argument);
  const auto fail = [&plan](const char* step) {
    plan.error = errno;
    plan.step = step;
    _exit(127);
  };
  setsid();
  reset_signals();
  if (plan.oom_score != nullptr) write_all("/proc/self/oom_score_adj", plan.oom_score);
  set_limits(*plan.spec);
  if (plan.pid_file != nullptr) {
    const int fd = open(plan.pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail("write the pid file");
    write_pid(fd, static_cast<pid_t>(syscall(SYS_getpid)));
    close(fd);
  }
  if (!place_descriptors(plan)) fail("pass descriptors");
  execve(plan.program, plan.argv, plan.envp);
  fail("exec");
  return 0;
}

std::optional<std::string> read_proc(pid_t pid, const char* file, std::size_t max_bytes) {
  const std::string path = "/proc/" + std::to_string(pid) + '/' + file;
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < max_bytes) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

Result<Process> start_process(const ProcessSpec& spec) {
  UNIK_CHECK(!spec.argv.empty(), "a process needs a program");
  for (const auto& [ours, number] : spec.descriptors)
    UNIK_CHECK(number >= 0 && number < kChildFds, "a child's descriptor is below kChildFds");
  Result<std::string> program = find_program(spec.argv.front());
  if (!program.ok()) return std::move(program).error();

  std::vector<char*> argv;
  for (const std::string& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string oom_score = std::to_string(spec.oom_score_adj);
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));

  // Shared, so that what went wrong is told by a child with a memory of its own too. The plan lies at the end that its
  // stack does not reach.
  void* stack = mmap(nullptr, kChildStackBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return unavailable("spawn_failed", "cannot start " + *program + ": no memory for its stack");
  ChildPlan& plan = *new (stack) ChildPlan;
  plan.program = program->c_str();
  plan.argv = argv.data();
  plan.envp = environ;
  plan.spec = &spec;
  plan.pid_file = spec.pid_file.empty() ? nullptr : spec.pid_file.c_str();
  plan.oom_score = spec.oom_score_adj == 0 ? nullptr : oom_score.c_str();
  plan.null_fd = null.get();

  // No signal handler of ours may run in the child, which shares our memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int pidfd = -1;
  const pid_t pid =
      clone(child_main, static_cast<char*>(stack) + kChildStackBytes, kSharing | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
  const int clone_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const int child_error = plan.error;
  const std::string step = plan.step;
  munmap(stack, kChildStackBytes);

  if (pid < 0) return unavailable("spawn_failed", "cannot start " + *program + ": " + std::strerror(clone_error));
  Process process{pid, Fd(pidfd)};
  if (child_error != 0) {
    (void)reap(process.pidfd);
    return unavailable("spawn_failed", "cannot start " + *program + ": " + step + ": " + std::strerror(child_error));
  }
  return process;
}

std::optional<Ended> reap(const Fd& pidfd) {
  siginfo_t info{};
  int result = 0;
  do result = waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result != 0) return std::nullopt;
  return Ended{info.si_code != CLD_EXITED, info.si_status};
}

Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

std::vector<std::string> process_arguments(pid_t pid) {
  const std::optional<std::string> text = read_proc(pid, "cmdline", kMaxArgumentBytes);
  std::vector<std::string> arguments;
  if (!text) return arguments;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\0', at), text->size());
    arguments.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return arguments;
}

std::uint64_t process_start_ticks(pid_t pid) {
  const std::optional<std::string> text = read_proc(pid, "stat", 4096);
  if (!text) return 0;
  // `PID (NAME) STATE …`: the name may hold anything, so count from its last parenthesis; field 22 is the start time.
  std::size_t at = text->rfind(')');
  for (int field = 2; at != std::string::npos && field < 22; ++field) at = text->find(' ', at + 1);
  if (at == std::string::npos) return 0;
  std::uint64_t ticks = 0;
  std::from_chars(text->data() + at + 1, text->data() + text->size(), ticks);
  return ticks;
}

void kill_process(const Fd& pidfd) {
  syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

Result<std::string> find_program(const std::string& name) {
  const Error missing =
      not_found("no_such_program", "want the program `" + name + "` in PATH: install it or name its path");
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return missing;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, colon)) + '/' + name;
    if (colon > 0 && access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return missing;
}

}  // namespace unik::agent
