#include "agent/host/identity.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace unik::agent {
namespace {

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    std::string name = (std::filesystem::temp_directory_path() / "identityXXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) dir_ = name;
  }
  ~IdentityTest() override { std::filesystem::remove_all(dir_); }

  std::string dir_;
};

TEST_F(IdentityTest, IsTheSameForAsLongAsItsFileIsThere) {
  const Result<std::string> first = load_identity(dir_);
  ASSERT_TRUE(first.ok()) << to_string(first.error());
  EXPECT_EQ(first->size(), 32U);
  EXPECT_EQ(*load_identity(dir_), *first);
  std::filesystem::remove(dir_ + '/' + std::string(kIdentityFile));
  EXPECT_NE(*load_identity(dir_), *first);
}

TEST_F(IdentityTest, IsNotGuessedFromAFileOfSomethingElse) {
  for (const char* text :
       {"", "\n", "0123\n", "0123456789abcdef0123456789ABCDEF\n", "0123456789abcdef0123456789abcdef0\n"}) {
    std::ofstream(dir_ + '/' + std::string(kIdentityFile)) << text;
    const Result<std::string> id = load_identity(dir_);
    ASSERT_FALSE(id.ok()) << text;
    EXPECT_EQ(id.error().reason, "corrupt_identity");
  }
}

TEST_F(IdentityTest, IsAnErrorWhereItCannotBeKept) {
  const Result<std::string> id = load_identity(dir_ + "/nowhere");
  ASSERT_FALSE(id.ok());
}

}  // namespace
}  // namespace unik::agent
