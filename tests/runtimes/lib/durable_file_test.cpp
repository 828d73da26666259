#include "runtimes/lib/oci/durable_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace unik::runtimes
