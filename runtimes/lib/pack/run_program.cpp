#include "runtimes/lib/pack/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr int kPollMilliseconds = 50;
constexpr std::size_t kOutputChunk = 64 << 10;

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Only what is safe between fork and exec in a process of many threads.
[[noreturn]] void become(const char* directory, char* const* args, char* const* environment, int output, int report) {
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int input = ::open("/dev/null", O_RDONLY);
  if (input >= 0 && ::dup2(input, 0) >= 0 && ::dup2(output, 1) >= 0 && ::dup2(output, 2) >= 0 &&
      ::chdir(directory) == 0)
    ::execve(args[0], args, environment);
  const int number = errno;
  [[maybe_unused]] const ssize_t told = ::write(report, &number, sizeof number);
  ::_exit(127);
}

struct Pipe {
  Fd read, write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot_run", "making", "a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Passes on what there is; false at the end.
bool pass_on(int fd, const ProgramRun& run, std::vector<char>& buffer) {
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      if (run.output) run.output({buffer.data(), static_cast<std::size_t>(got)});
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && errno == EAGAIN;
  }
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

}  // namespace

Result<int> run_program(const ProgramRun& run) {
  auto output = make_pipe();
  auto report = make_pipe();
  if (!output) return std::move(output).error();
  if (!report) return std::move(report).error();
  std::vector<std::string> args = run.args, environment;
  for (const auto& [name, value] : run.environment) environment.push_back(name + "=" + value);
  const std::vector<char*> arg_pointers = pointers_to(args), environment_pointers = pointers_to(environment);
  const std::string directory = run.directory.string();

  const auto deadline = std::chrono::steady_clock::now() + run.time_limit;
  const pid_t child = ::fork();
  if (child < 0) return system_error("cannot_run", "starting", run.args.front());
  if (child == 0)
    become(directory.c_str(), arg_pointers.data(), environment_pointers.data(), output->write.get(),
           report->write.get());
  ::setpgid(child, child);  // here too, so that it is done whoever comes first
  output->write = Fd();
  report->write = Fd();
  ::fcntl(output->read.get(), F_SETFL, O_NONBLOCK);

  std::vector<char> buffer(kOutputChunk);
  bool late = false, open = true;
  while (!has_ended(child)) {
    if (std::chrono::steady_clock::now() >= deadline) {
      late = true;
      break;
    }
    pollfd waiting{open ? output->read.get() : -1, POLLIN, 0};
    ::poll(&waiting, 1, kPollMilliseconds);
    open = open && pass_on(output->read.get(), run, buffer);
  }
  // The child is not reaped yet, so the group's number is still its own.
  ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (open) pass_on(output->read.get(), run, buffer);

  int number = 0;
  if (::read(report->read.get(), &number, sizeof number) == sizeof number)
    return unavailable("cannot_run",
                       run.args.front() + " in " + directory + ": " + std::generic_category().message(number));
  if (late)
    return timed_out("program_timed_out", run.args.front() + ": want an end within " + format_duration(run.time_limit) +
                                              ", found it still at work; it was killed");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace unik::runtimes
