#include "agent/forward/forward.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>

#include "agent/forward/server.hpp"
#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr Duration kLockWait = std::chrono::seconds(10);
constexpr Duration kLockPoll = std::chrono::milliseconds(20);
constexpr const char* kLockFile = "forward.lock";

// Two that start at once take turns: the second takes over from the first.
Result<Fd> lock_start(const std::string& directory) {
  const std::string path = directory + '/' + kLockFile;
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return unavailable("no_directory", path + ": " + describe_errno(errno));
  const auto until = std::chrono::steady_clock::now() + kLockWait;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= until)
      return timed_out("locked", path + ": another forwarder has been starting for " + format_duration(kLockWait));
    std::this_thread::sleep_for(kLockPoll);
  }
  return fd;
}

// Nothing of the agent's goes along: no descriptor that it forgot to mark, no working directory.
Fd leave_parent(Fd ready) {
  ::setsid();
  (void)!::chdir("/");
  constexpr int kKept = STDERR_FILENO + 1;
  Fd kept(::fcntl(ready.get(), F_DUPFD_CLOEXEC, kKept));
  ready.reset();
  if (kept.get() != kKept) {
    ::dup3(kept.get(), kKept, O_CLOEXEC);
    kept = Fd(kKept);
  }
  ::close_range(kKept + 1, ~0U, 0);
  return kept;
}

void leave_terminal() {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
}

// `ready` is told as soon as the process serves.
int serve(const ForwardOptions& options, Fd ready) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ForwardServer server(options);
  {
    Result<Fd> lock = lock_start(options.directory);
    Result<void> started = lock ? server.start() : Result<void>(lock.error());
    if (!started) {
      std::fprintf(stderr, "error: %s\n", to_string(started.error()).c_str());
      return traits(started.error().code).exit_code;
    }
  }
  if (ready) {
    leave_terminal();
    const char yes = 1;
    if (::write(ready.get(), &yes, 1) != 1) return 1;
    ready.reset();
  }
  server.serve();
  return 0;
}

int detach(const ForwardOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
  Fd read(ends[0]);
  Fd write(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    read.reset();
    std::_Exit(serve(options, leave_parent(std::move(write))));
  }
  write.reset();
  char yes = 0;
  if (::read(read.get(), &yes, 1) == 1) return 0;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

}  // namespace

std::vector<std::string> forward_arguments(const ForwardOptions& options) {
  std::vector<std::string> arguments = {"--directory", options.directory, "--build", options.build};
  if (options.detach) arguments.push_back("--detach");
  return arguments;
}

Result<ForwardOptions> parse_forward_arguments(std::span<const std::string> arguments) {
  ForwardOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--detach") {
      options.detach = true;
      continue;
    }
    if ((name != "--directory" && name != "--build") || i + 1 == arguments.size())
      return invalid("bad_usage", "want `forward --directory DIR --build BUILD [--detach]`, got `" + name + "`");
    (name == "--build" ? options.build : options.directory) = arguments[++i];
  }
  if (options.directory.empty()) return invalid("bad_usage", "`forward` needs --directory DIR");
  return options;
}

int forward_main(const ForwardOptions& options) {
  std::error_code problem;
  ForwardOptions absolute = options;
  absolute.directory = std::filesystem::absolute(options.directory, problem);
  const bool created = std::filesystem::create_directories(absolute.directory, problem);
  if (created) std::filesystem::permissions(absolute.directory, std::filesystem::perms::owner_all, problem);
  if (problem) {
    std::fprintf(stderr, "error: %s: %s\n", absolute.directory.c_str(), problem.message().c_str());
    return traits(ErrorCode::kUnavailable).exit_code;
  }
  return absolute.detach ? detach(absolute) : serve(absolute, Fd());
}

}  // namespace unik::agent
