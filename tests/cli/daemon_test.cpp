#include "cli/daemon.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
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
