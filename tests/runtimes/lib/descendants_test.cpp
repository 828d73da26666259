#include "runtimes/lib/pack/descendants.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtimes/lib/pack/run_program.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

constexpr int kPatienceMilliseconds = 20'000;  // that a failure ends

using DescendantsTest = LibTest;

// Each holds the end of one pipe, which ends when the last of them has ended.
TEST_F(DescendantsTest, EndWithTheScopeThoughTheyHaveLeftTheGroupAndTheSession) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t process = ::fork();
  if (process == 0) {
    int code = 1;
    {
      const Descendants descendants;
      ProgramRun run;
      // They have gone before the group is killed.
      run.args = {"/bin/sh", "-c",
                  "setsid sh -c 'setsid sleep 600 & touch away; sleep 600' & "
                  "until [ -e away ]; do sleep 0.01; done; exit 7"};
      run.directory = dir_;
      run.environment = {{"PATH", "/usr/bin:/bin"}};
      const auto ran = run_program(run);
      code = ran && *ran == 7 ? 0 : 1;
    }
    ::_exit(code);
  }
  ::close(ends[1]);
  pollfd waiting{ends[0], POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, kPatienceMilliseconds), 1) << "something still runs";
  EXPECT_EQ(waiting.revents, POLLHUP);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(process, &status, 0);
  EXPECT_EQ(status, 0) << "the program itself ended as it wanted";
}

}  // namespace
}  // namespace unik::runtimes
