#include "wire/private_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

namespace unik::wire {
namespace {

namespace fs = std::filesystem;

class PrivateDirectory : public testing::Test {
 protected:
  PrivateDirectory() {
    std::string pattern = (fs::temp_directory_path() / "private_directory_XXXXXX").string();
    place = ::mkdtemp(pattern.data());
  }
  ~PrivateDirectory() override { fs::remove_all(place); }

  static unsigned mode_of(const fs::path& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  fs::path place;
};

TEST_F(PrivateDirectory, IsItsOwnersAloneWhateverTheUmask) {
  const mode_t before = ::umask(0);
  EXPECT_FALSE(make_private_directory(place / "share/home/"));
  ::umask(before);
  EXPECT_EQ(mode_of(place / "share/home"), 0700U);
  EXPECT_FALSE(is_open_to_others(place / "share/home"));
  EXPECT_TRUE(is_open_to_others(place / "share")) << "what lies above it is not ours to close";
}

TEST_F(PrivateDirectory, OneThatIsThereStaysUntilItIsClosed) {
  fs::create_directory(place / "home");
  fs::permissions(place / "home", fs::perms(0755));
  EXPECT_FALSE(make_private_directory(place / "home"));
  EXPECT_EQ(mode_of(place / "home"), 0755U);
  EXPECT_TRUE(close_to_others(place / "home"));
  EXPECT_EQ(mode_of(place / "home"), 0700U);
}

TEST_F(PrivateDirectory, WhatIsEverybodysStaysOpen) {
  fs::create_directory(place / "tmp");
  fs::permissions(place / "tmp", fs::perms(01777));
  EXPECT_FALSE(close_to_others(place / "tmp"));
  EXPECT_EQ(mode_of(place / "tmp"), 01777U);
  EXPECT_FALSE(close_to_others(place / "none"));
}

TEST_F(PrivateDirectory, AFileInItsPlaceIsAnError) {
  EXPECT_TRUE(make_private_directory("/dev/null"));
  EXPECT_TRUE(make_private_directory("/dev/null/home"));
}

}  // namespace
}  // namespace unik::wire
