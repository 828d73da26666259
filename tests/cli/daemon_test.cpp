#include "cli/daemon.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace unik::cli {
namespace {

class Daemon : public testing::Test {
 protected:
  Daemon() {
    std::string name = (std::filesystem::temp_directory_path() / "unik-daemon-XXXXXX").string();
    directory = mkdtemp(name.data());
  }
  ~Daemon() override {
    (void)stop(spec({}).pid_file, std::chrono::seconds(1));
    std::filesystem::remove_all(directory);
  }
  DaemonSpec spec(std::vector<std::string> args) {
    return {"shell", "/bin/sh", std::move(args), directory / "pid", directory / "log"};
  }

  std::filesystem::path directory;
};

TEST_F(Daemon, StartsInASessionOfItsOwnAndStops) {
  const auto pid = start(spec({"-c", "echo begun; exec sleep 60"}));
  ASSERT_TRUE(pid) << to_string(pid.error());
  EXPECT_EQ(running(directory / "pid"), *pid);
  EXPECT_EQ(getsid(*pid), *pid);
  const auto stopped = stop(directory / "pid", std::chrono::seconds(5));
  ASSERT_TRUE(stopped) << to_string(stopped.error());
  EXPECT_TRUE(*stopped);
  EXPECT_FALSE(running(directory / "pid"));
  EXPECT_FALSE(*stop(directory / "pid", std::chrono::seconds(1)));
}

TEST_F(Daemon, TellsHowItEndedAndWhatItSaid) {
  const auto pid = start(spec({"-c", "echo one; echo two >&2; exit 3"}));
  ASSERT_TRUE(pid);
  std::optional<std::string> how;
  for (int i = 0; i < 1000 && !how; ++i) {
    how = ended(*pid);
    std::this_thread::yield();
    if (!how) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(how, "exited with code 3");
  EXPECT_EQ(tail_of(directory / "log", 5), "\n  one\n  two");
  EXPECT_EQ(tail_of(directory / "log", 1), "\n  two");
}

// kill returns before the process is gone; whoever looks then must not take it for one that works.
TEST_F(Daemon, HasEndedAsSoonAsItIsKilled) {
  for (int i = 0; i < 50; ++i) {
    const auto pid = start(spec({"-c", "exec sleep 60"}));
    ASSERT_TRUE(pid) << to_string(pid.error());
    ASSERT_EQ(kill(*pid, SIGKILL), 0);
    EXPECT_FALSE(running(directory / "pid"));
    while (!ended(*pid)) std::this_thread::yield();
  }
}

// Whose command line has `mark`.
std::vector<pid_t> processes_of(const std::string& mark) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (words.find(mark) != std::string::npos) found.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return found;
}

// Whoever gets the lock next finds what the one before has started, wherever that was when it was killed.
TEST_F(Daemon, IsKnownThoughWhoStartsItIsKilled) {
  const std::string mark = directory / "log";
  DaemonSpec sleeper = spec({"-f", mark});
  sleeper.program = "/usr/bin/tail";
  const auto begin_start = [&] {
    const pid_t starter = fork();
    if (starter == 0) {
      const auto lock = StartLock::take(directory / "lock", std::chrono::seconds(5));
      (void)start(sleeper);
      pause();
    }
    return starter;
  };
  const auto end_start = [](pid_t starter) {
    return kill(starter, SIGKILL) == 0 && waitpid(starter, nullptr, 0) == starter;
  };
  const auto begun = std::chrono::steady_clock::now();
  const pid_t whole = begin_start();
  while (!running(sleeper.pid_file)) std::this_thread::yield();
  const auto length = std::chrono::steady_clock::now() - begun;
  ASSERT_TRUE(end_start(whole));
  ASSERT_TRUE(stop(sleeper.pid_file, std::chrono::seconds(5)));

  constexpr int kRounds = 60;
  int started = 0;
  for (int i = 0; i < kRounds; ++i) {
    const pid_t starter = begin_start();
    std::this_thread::sleep_for(length * i * 2 / kRounds);
    ASSERT_TRUE(end_start(starter));
    const auto lock = StartLock::take(directory / "lock", std::chrono::seconds(5));
    ASSERT_TRUE(lock);
    const std::optional<pid_t> known = running(sleeper.pid_file);
    const std::vector<pid_t> expected = known ? std::vector{*known} : std::vector<pid_t>{};
    // One that begins has no command line for a moment, and one that ends has it a moment longer.
    std::vector<pid_t> all = processes_of(mark);
    for (int look = 0; look < 500 && all != expected; ++look, all = processes_of(mark)) usleep(10'000);
    ASSERT_EQ(all, expected) << "round " << i;
    started += known ? 1 : 0;
    ASSERT_TRUE(stop(sleeper.pid_file, std::chrono::seconds(5)));
  }
  EXPECT_GT(started, 0);
}

TEST_F(Daemon, IsNotTakenForAnotherProcessOfTheSamePid) {
  std::ofstream(directory / "pid") << getpid() << " 1\n";
  EXPECT_FALSE(running(directory / "pid"));
  std::ofstream(directory / "pid") << "rubbish\n";
  EXPECT_FALSE(running(directory / "pid"));
}

TEST_F(Daemon, NamesAMissingProgram) {
  DaemonSpec missing = spec({});
  missing.program = directory / "nothing";
  const auto pid = start(missing);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().reason, "no_such_program");
}

TEST_F(Daemon, TheStartLockIsHeldByOneAtATime) {
  const auto first = StartLock::take(directory / "lock", std::chrono::seconds(1));
  ASSERT_TRUE(first);
  const auto second = StartLock::take(directory / "lock", std::chrono::milliseconds(40));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace unik::cli
