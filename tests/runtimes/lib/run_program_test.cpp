#include "runtimes/lib/pack/run_program.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace unik::runtimes {
namespace {

constexpr int kPatienceMilliseconds = 60'000;  // that a failure ends
constexpr int kEndedByProgram = 0, kEndedByInterrupt = 1, kEndedOtherwise = 2;

// A process that runs a command, as unikctl runs a build's. All that it starts holds the end of one pipe, so that the
// pipe ends when the last of them has ended.
class Runner {
 public:
  explicit Runner(const std::string& command, bool cleans_up = false) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    read_ = ends[0];
    process_ = ::fork();
    if (process_ == 0) {
      ::close(ends[0]);
      ::_exit(run(command, ends[1], cleans_up));
    }
    ::close(ends[1]);
  }
  ~Runner() { ::close(read_); }

  // What was written into the pipe: until the first byte, or until all have ended.
  std::string read_some() { return read(false); }
  std::string read_to_end() { return read(true); }

  void send(int signal) { ::kill(process_, signal); }
  int status() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    return status;
  }

 private:
  static int run(const std::string& command, int pipe, bool cleans_up) {
    ProgramRun run;
    run.cleans_up = cleans_up;
    run.args = {"/bin/sh", "-c", command};
    run.environment = {{"PIPE", std::to_string(pipe)}, {"PATH", "/usr/bin:/bin"}};
    const auto code = run_program(run);
    if (code) return kEndedByProgram;
    if (code.error().reason != "interrupted" || run_program(run)) return kEndedOtherwise;
    run.args = {"/bin/true"};
    run.despite_signals = true;
    return run_program(run) ? kEndedByInterrupt : kEndedOtherwise;
  }

  std::string read(bool to_end) {
    std::string text;
    while (to_end || text.empty()) {
      pollfd waiting{read_, POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMilliseconds) <= 0) return text + " and something still runs";
      char buffer[64];
      const ssize_t got = ::read(read_, buffer, sizeof buffer);
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

  int read_ = -1;
  pid_t process_ = -1;
};

TEST(Interrupt, ReachesAllThatAProgramStarted) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Runner runner("sleep 600 & echo up >&$PIPE; wait");
    ASSERT_EQ(runner.read_some(), "up\n");
    runner.send(signal);
    EXPECT_EQ(runner.read_to_end(), "") << strsignal(signal);
    const int status = runner.status();
    ASSERT_TRUE(WIFEXITED(status)) << strsignal(signal);
    EXPECT_EQ(WEXITSTATUS(status), kEndedByInterrupt) << strsignal(signal);
  }
}

TEST(Interrupt, LetsAProgramCleanUp) {
  Runner runner("trap 'echo cleaned >&$PIPE; exit 0' TERM; echo up >&$PIPE; while :; do sleep 0.1; done");
  ASSERT_EQ(runner.read_some(), "up\n");
  runner.send(SIGTERM);
  EXPECT_EQ(runner.read_to_end(), "cleaned\n");
  EXPECT_EQ(WEXITSTATUS(runner.status()), kEndedByInterrupt);
}

TEST(Interrupt, EndsWhatWillNotHear) {
  Runner runner("trap '' INT TERM; echo up >&$PIPE; while :; do sleep 0.1; done");
  ASSERT_EQ(runner.read_some(), "up\n");
  runner.send(SIGINT);
  runner.send(SIGTERM);  // who asks again does not want to wait for the first
  EXPECT_EQ(runner.read_to_end(), "");
  EXPECT_EQ(WEXITSTATUS(runner.status()), kEndedByInterrupt);
}

TEST(Interrupt, OfTheKindThatNobodyHearsEndsTheProgramToo) {
  Runner runner("echo up >&$PIPE; exec sleep 600");
  ASSERT_EQ(runner.read_some(), "up\n");
  runner.send(SIGKILL);
  EXPECT_EQ(runner.read_to_end(), "");
  EXPECT_TRUE(WIFSIGNALED(runner.status()));
}

// A program that passes signals on can end what it has started, which a kill would leave behind.
TEST(Interrupt, OfTheKindThatNobodyHearsReachesAProgramThatCleansUp) {
  Runner runner("trap 'echo cleaned >&$PIPE; exit 0' TERM; echo up >&$PIPE; while :; do sleep 0.1; done", true);
  ASSERT_EQ(runner.read_some(), "up\n");
  runner.send(SIGKILL);
  EXPECT_EQ(runner.read_to_end(), "cleaned\n");
  EXPECT_TRUE(WIFSIGNALED(runner.status()));
}

TEST(Interrupt, IsLeftToWhoHandlesItThemselves) {
  ::signal(SIGTERM, SIG_IGN);  // as under nohup, which is inherited
  Runner runner("echo up >&$PIPE; exec sleep 0.5");
  ::signal(SIGTERM, SIG_DFL);
  ASSERT_EQ(runner.read_some(), "up\n");
  runner.send(SIGTERM);
  EXPECT_EQ(runner.read_to_end(), "");
  EXPECT_EQ(WEXITSTATUS(runner.status()), kEndedByProgram);
}

TEST(RunProgram, KeepsStderrApartWhereItIsAskedFor) {
  std::string out, err;
  ProgramRun run;
  run.args = {"/bin/sh", "-c", "echo answer; echo banner >&2"};
  run.output = [&](std::string_view piece) { out += piece; };
  run.errors = [&](std::string_view piece) { err += piece; };
  EXPECT_EQ(run_program(run).value(), 0);
  EXPECT_EQ(out, "answer\n");
  EXPECT_EQ(err, "banner\n");
}

TEST(RunProgram, EndsWhenItIsAskedToStop) {
  std::stop_source asked;
  std::string said;
  ProgramRun run;
  run.args = {"/bin/sh", "-c", "trap 'echo cleaned; exit 0' TERM; echo up; while :; do sleep 0.05; done"};
  run.environment = {{"PATH", "/usr/bin:/bin"}};
  run.output = [&](std::string_view piece) {
    said += piece;
    asked.request_stop();
  };
  run.stop = asked.get_token();
  const auto code = run_program(run);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().reason, "stopped");
  EXPECT_TRUE(said.ends_with("cleaned\n")) << said;
}

TEST(RunProgram, WorksInTheBackgroundWhereItIsAskedTo) {
  std::string said;
  ProgramRun run;
  run.args = {"/usr/bin/nice"};
  run.in_background = true;
  run.output = [&](std::string_view piece) { said += piece; };
  EXPECT_EQ(run_program(run).value(), 0);
  EXPECT_EQ(said, "19\n");
}

}  // namespace
}  // namespace unik::runtimes
