#include "runtimes/lib/oci/durable_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtimes/lib/runtime/release_change.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

// It is `exhausted` whoever says it, and what to do holds for each disk.
TEST(DurableFile, TellsAFullDiskByTheCodeOfWhatIsExhausted) {
  const auto full = open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full.ok());
  const Result<void> written = write_all(full->get(), "text", "/store/blob");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(to_string(written.error()),
            "exhausted: writing /store/blob: No space left on device: free some space on that disk");
  EXPECT_EQ(written.error().reason, "disk_full");
}

class ReleaseLock : public LibTest {};

// A release holds signals back, so that it can clean up; waiting for others is no reason to be deaf.
TEST_F(ReleaseLock, ThatIsWaitedForHearsSignals) {
  constexpr int kPatienceMilliseconds = 60'000;  // that a failure ends
  constexpr int kInterrupted = 1;
  fs::create_directories(dir_ / "place");
  const auto held = lock_directory(dir_ / "place");
  ASSERT_OK(held);
  ASSERT_EQ(shell("git init --quiet " + (dir_ / "repo").string()), "");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const SignalRelay relay;
    const auto git = GitRepository::open(dir_ / "repo", {{"PATH", "/usr/bin:/bin"}});
    if (!git) ::_exit(2);
    ReleaseChange change(*git, {}, dir_ / "tree");
    const auto locked = change.lock_place(dir_ / "place", [&] { (void)!::write(ends[1], "w", 1); });
    ::_exit(!locked && locked.error().reason == "interrupted" ? kInterrupted : 3);
  }
  ::close(ends[1]);
  const auto next = [&] {
    pollfd ready{ends[0], POLLIN, 0};
    char byte = 0;
    if (::poll(&ready, 1, kPatienceMilliseconds) <= 0) return std::string("nothing yet");
    return ::read(ends[0], &byte, 1) == 1 ? std::string(1, byte) : std::string();
  };
  EXPECT_EQ(next(), "w");
  ::kill(child, SIGTERM);
  EXPECT_EQ(next(), "") << "said once, and the end of it";
  ::kill(child, SIGKILL);  // no more than a failure's
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kInterrupted);
}

}  // namespace
}  // namespace unik::runtimes
