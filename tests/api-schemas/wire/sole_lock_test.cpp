#include "wire/sole_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <thread>

#include "wire_fixture.hpp"

namespace unik::wire {
namespace {

TEST(SoleLock, WaitsForAHolderThatIsAboutToGo) {
  const TempDir dir;
  const int holder = open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int next = open((dir / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(holder, LOCK_EX), 0);
  std::thread going([holder] { close(holder); });
  EXPECT_TRUE(take_sole_lock(next));
  going.join();
  close(next);
}

TEST(SoleLock, GivesUpOnOneThatStays) {
  const TempDir dir;
  const int holder = open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int next = open((dir / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(holder, LOCK_EX), 0);
  EXPECT_FALSE(take_sole_lock(next));
  close(next);
  close(holder);
}

}  // namespace
}  // namespace unik::wire
