// Real processes: a guard, and a program that sleeps in the place of a VM.

#include "agent/qemu/guard.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/forward/fd.hpp"
#include "agent/qemu/process.hpp"
#include "api/lease.hpp"
#include "wire/clock.hpp"

namespace unik::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// For a process to be started and to become another, on a busy host and under a sanitizer.
constexpr Duration kLongEnoughToStart = seconds(3);

Time now() {
  return wire::read_clock().boot;
}

class Guard : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "guard.XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    Result<LeasePage> page = LeasePage::create(directory_ + "/lease", "boot-1");
    ASSERT_TRUE(page.ok()) << to_string(page.error());
    page_.emplace(std::move(*page));
  }
  void TearDown() override {
    if (vm_ > 0 && ended_within(seconds(0)) == false) kill(vm_, SIGKILL);
    if (vm_ > 0 && !reaped_) waitpid(vm_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }

  std::string lock() const { return directory_ + "/guard.lock"; }

  void start(const std::string& boot = "boot-1") {
    vm_ = fork();
    ASSERT_GE(vm_, 0);
    if (vm_ == 0) _exit(guard_main({directory_ + "/lease", boot, lock(), "--", "sleep", "1000"}));
    pidfd_ = open_pidfd(vm_);
  }
  // It has become the program, so that its guard stands.
  void await_program() {
    for (const Time until = now() + seconds(10); now() < until;) {
      const std::vector<std::string> arguments = process_arguments(vm_);
      if (!arguments.empty() && arguments.front() == "sleep") return;
      if (ended_within(milliseconds(5))) break;
    }
    FAIL() << "the program has not been started";
  }
  bool ended_within(Duration wait) {
    pollfd end{pidfd_.get(), POLLIN, 0};
    return poll(&end, 1, static_cast<int>(std::chrono::ceil<milliseconds>(wait).count())) == 1;
  }
  int reap_status() {
    int status = 0;
    waitpid(vm_, &status, 0);
    reaped_ = true;
    return status;
  }
  pid_t guard_pid() const {
    pid_t pid = 0;
    std::ifstream("/proc/" + std::to_string(vm_) + "/task/" + std::to_string(vm_) + "/children") >> pid;
    return pid;
  }

  std::string directory_;
  std::optional<LeasePage> page_;
  pid_t vm_ = 0;
  bool reaped_ = false;
  Fd pidfd_;
};

TEST_F(Guard, EndsTheVmWhenTheLeaseRunsOutAndNotBefore) {
  const Time end = now() + kLongEnoughToStart;
  page_->renew(end - kStrictLease);
  start();
  await_program();
  EXPECT_TRUE(ended_within(seconds(20)));
  EXPECT_GE(now(), end);
  EXPECT_EQ(WTERMSIG(reap_status()), SIGKILL);
}

TEST_F(Guard, LetsItRunForAsLongAsTheLeaseIsRenewed) {
  const Time first = now() + kLongEnoughToStart;
  page_->renew(first - kStrictLease);
  start();
  await_program();
  page_->renew(first + milliseconds(400) - kStrictLease);
  EXPECT_TRUE(ended_within(seconds(20)));
  EXPECT_GE(now(), first + milliseconds(400));
}

TEST_F(Guard, NeedsNoAgent) {
  const Time end = now() + kLongEnoughToStart;
  page_->renew(end - kStrictLease);
  start();
  await_program();
  page_.reset();  // nobody holds the page any more
  EXPECT_TRUE(ended_within(seconds(20)));
}

TEST_F(Guard, StandsWhileTheVmRunsAndNoLonger) {
  page_->renew(now());
  EXPECT_FALSE(is_guarded(lock()));
  start();
  await_program();
  EXPECT_TRUE(is_guarded(lock()));
  kill(vm_, SIGKILL);
  EXPECT_TRUE(ended_within(seconds(20)));
  for (const Time until = now() + seconds(10); is_guarded(lock()) && now() < until;) ended_within(milliseconds(1));
  EXPECT_FALSE(is_guarded(lock()));
}

TEST_F(Guard, IsMissedWhenItDies) {
  page_->renew(now());
  start();
  await_program();
  const pid_t guard = guard_pid();
  ASSERT_GT(guard, 0);
  const Fd gone = open_pidfd(guard);
  kill(guard, SIGKILL);
  pollfd end{gone.get(), POLLIN, 0};
  EXPECT_EQ(poll(&end, 1, 20'000), 1);
  EXPECT_FALSE(is_guarded(lock()));
}

TEST_F(Guard, NothingRunsWithoutALease) {
  start();  // nothing was ever renewed
  EXPECT_TRUE(ended_within(seconds(20)));
}

TEST_F(Guard, NothingRunsByThePageOfAnotherBoot) {
  page_->renew(now());
  start("boot-2");
  EXPECT_TRUE(ended_within(seconds(20)));
  EXPECT_EQ(WEXITSTATUS(reap_status()), 127);
}

TEST_F(Guard, APageOfAnotherBootIsEmptied) {
  page_->renew(now());
  const Result<LeasePage> same = LeasePage::create(directory_ + "/lease", "boot-1");
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->renewed(), page_->renewed());
  const Result<LeasePage> next = LeasePage::create(directory_ + "/lease", "boot-2");
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->renewed(), Time{});
}

TEST_F(Guard, ARenewalNeverGoesBack) {
  const Time time = now();
  page_->renew(time);
  page_->renew(time - seconds(1));
  EXPECT_EQ(page_->renewed(), time);
}

}  // namespace
}  // namespace unik::agent
