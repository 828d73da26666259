#include "runtimes/lib/pack/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/descendants.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"

namespace unik::runtimes {
namespace {

constexpr int kPollMilliseconds = 50;
constexpr std::size_t kOutputChunk = 64 << 10;
constexpr auto kInterruptGrace = std::chrono::seconds(5);  // to clean up after a signal that was passed on
static_assert(kStopGrace > kInterruptGrace + kSweepLimit);
constexpr int kLowestPriority = 19;
constexpr long kOfThisProcess = 1;            // IOPRIO_WHO_PROCESS
constexpr long kWhenTheDiskIsIdle = 3 << 13;  // IOPRIO_CLASS_IDLE

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What a child becomes, as only what needs no memory can say it.
struct Next {
  const char* directory;
  char* const* args;
  char* const* environment;
  int output, errors, report;
  bool cleans_up, in_background;
};

// Only what is safe between fork and exec in a process of many threads.
[[noreturn]] void become(pid_t parent, const Next& next) {
  ::setpgid(0, 0);
  // Who is killed cannot pass anything on.
  ::prctl(PR_SET_PDEATHSIG, next.cleans_up ? SIGTERM : SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (next.in_background) {
    ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
    ::syscall(SYS_ioprio_set, kOfThisProcess, 0L, kWhenTheDiskIsIdle);
  }
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int input = ::open("/dev/null", O_RDONLY);
  if (input >= 0 && ::dup2(input, 0) >= 0 && ::dup2(next.output, 1) >= 0 && ::dup2(next.errors, 2) >= 0 &&
      ::chdir(next.directory) == 0)
    ::execve(next.args[0], next.args, next.environment);
  const int number = errno;
  [[maybe_unused]] const ssize_t told = ::write(next.report, &number, sizeof number);
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

// One of a program's streams, as it comes.
struct Stream {
  Fd fd;
  const std::function<void(std::string_view)>& use;
  bool open = true;

  Stream(Fd from, const std::function<void(std::string_view)>& to) : fd(std::move(from)), use(to), open(fd.open()) {
    if (open) ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  }
  pollfd waiting() const { return {open ? fd.get() : -1, POLLIN, 0}; }

  // Passes on what there is, until the end.
  void pass_on(std::vector<char>& buffer) {
    while (open) {
      const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
      if (got > 0) {
        if (use) use({buffer.data(), static_cast<std::size_t>(got)});
        continue;
      }
      if (got < 0 && errno == EINTR) continue;
      open = got < 0 && errno == EAGAIN;
      return;
    }
  }
};

// Keeps signals from this thread, and from a child until it is ready for them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// A signal's grace is over, or a second one says that nobody wants to wait.
class Interrupt {
 public:
  bool is_due(std::chrono::steady_clock::time_point now) {
    if (SignalRelay::signal() == 0) return false;
    if (!since_) since_ = now;
    return SignalRelay::count() > 1 || now >= *since_ + kInterruptGrace;
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> since_;
};

// The one who runs the program has asked for its end, or its time is up.
class StopAsked {
 public:
  // Passes it on at the first look, and is due when the grace is over.
  bool is_due(bool asked, pid_t group, std::chrono::steady_clock::time_point now) {
    if (!asked) return false;
    if (!since_) {
      since_ = now;
      ::kill(-group, SIGTERM);
    }
    return now >= *since_ + kStopGrace;
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> since_;
};

Error interrupted(const std::string& program) {
  return unavailable("interrupted", program + ": interrupted by signal " + std::to_string(SignalRelay::signal()) +
                                        "; it was ended with all that it had started");
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

}  // namespace

Result<int> run_program(const ProgramRun& run) {
  const auto is_interrupted = [&] { return !run.despite_signals && SignalRelay::signal() != 0; };
  if (is_interrupted()) return interrupted(run.args.front());
  auto output = make_pipe();
  auto errors = run.errors ? make_pipe() : Result<Pipe>(Pipe{});
  auto report = make_pipe();
  if (!output) return std::move(output).error();
  if (!errors) return std::move(errors).error();
  if (!report) return std::move(report).error();
  std::vector<std::string> args = run.args, environment;
  for (const auto& [name, value] : run.environment) environment.push_back(name + "=" + value);
  const std::vector<char*> arg_pointers = pointers_to(args), environment_pointers = pointers_to(environment);
  const std::string directory = run.directory.string();

  const auto deadline = std::chrono::steady_clock::now() + run.time_limit;
  SignalRelay relay;
  pid_t child = 0;
  {
    const SignalsBlocked blocked;
    const pid_t self = ::getpid();
    child = ::fork();
    if (child < 0) return system_error("cannot_run", "starting", run.args.front());
    if (child == 0)
      become(self, {directory.c_str(), arg_pointers.data(), environment_pointers.data(), output->write.get(),
                    errors->write.open() ? errors->write.get() : output->write.get(), report->write.get(),
                    run.cleans_up, run.in_background});
    ::setpgid(child, child);  // here too, so that it is done whoever comes first
  }
  if (!run.despite_signals) relay.relay_to(child);
  output->write = Fd();
  errors->write = Fd();
  report->write = Fd();

  Stream out(std::move(output->read), run.output), err(std::move(errors->read), run.errors);
  std::vector<char> buffer(kOutputChunk);
  bool late = false;
  Interrupt interrupt;
  StopAsked stop;
  while (!has_ended(child)) {
    const auto now = std::chrono::steady_clock::now();
    late = now >= deadline;
    const bool may_clean_up = run.stop.stop_requested() || (late && run.cleans_up);
    if (late && !may_clean_up) break;
    if ((!run.despite_signals && interrupt.is_due(now)) || stop.is_due(may_clean_up, child, now)) break;
    std::array<pollfd, 2> waiting{out.waiting(), err.waiting()};
    ::poll(waiting.data(), waiting.size(), kPollMilliseconds);
    out.pass_on(buffer);
    err.pass_on(buffer);
  }
  // The child is not reaped yet, so the group's number is still its own.
  ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  out.pass_on(buffer);
  err.pass_on(buffer);

  if (is_interrupted()) return interrupted(run.args.front());
  if (run.stop.stop_requested())
    return unavailable("stopped",
                       run.args.front() + " was ended with all that it had started: nobody wants it any more");
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
