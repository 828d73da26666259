#include "controller/store/restored.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/controller/store/long_journal.hpp"
#include "tests/controller/store/store_home.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class RestoredTest : public ::testing::Test {
 protected:
  // A killed controller's files: 60 records, most of them in the log only, of which a byte in the middle was flipped.
  void damage() {
    Result<Store> store = Store::open(home_.path());
    for (const Record& record : long_journal(60)) EXPECT_EQ(store->commit(record).outcome, CommitOutcome::kCommitted);
    const fs::path copy = home_.directory() / "copy";
    fs::create_directories(copy);
    for (const char* const name : {"controller.db", "controller.db-wal", "controller.db.head"})
      fs::copy_file(home_.directory() / name, copy / name);
    path_ = copy / "controller.db";
    std::string log = bytes_of(path_ + "-wal");
    ASSERT_GT(log.size(), 1000U);
    log[log.size() / 2] = static_cast<char>(log[log.size() / 2] ^ 1);
    std::ofstream(path_ + "-wal", std::ios::binary) << log;
  }
  Result<Store> open() {
    return open_or_restored(path_, [this](const Error& loss, const std::string& kept) {
      EXPECT_EQ(loss.reason, "store_lost_records");
      kept_.push_back(kept);
    });
  }

  StoreHome home_;
  std::string path_ = home_.path();
  std::vector<std::string> kept_;
};

TEST_F(RestoredTest, KeepsTheFilesAsTheyWereFoundBeforeItGoesOn) {
  damage();
  std::map<std::string, std::string> found;
  for (const char* const name : {"controller.db", "controller.db-wal", "controller.db.head"})
    found[name] = bytes_of(fs::path(path_).parent_path() / name);
  {
    Result<Store> store = open();
    ASSERT_TRUE(store.ok()) << to_string(store.error());
    EXPECT_TRUE(store->load()->history_lost);
    EXPECT_LT(store->head(), 60U);
  }
  ASSERT_EQ(kept_.size(), 1U);
  for (const auto& [name, bytes] : found) EXPECT_EQ(bytes_of(fs::path(kept_.front()) / name), bytes) << name;
}

TEST_F(RestoredTest, EachLossHasACopyOfItsOwn) {
  damage();
  ASSERT_TRUE(fs::create_directory(path_ + ".lost-1"));
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(kept_, std::vector<std::string>{path_ + ".lost-2"});
}

TEST_F(RestoredTest, WithoutADatabaseItSaysWhatToDo) {
  damage();
  fs::remove(path_);
  fs::remove(path_ + "-wal");
  const Result<Store> store = open();
  ASSERT_FALSE(store.ok());
  EXPECT_NE(store.error().message.find(".head"), std::string::npos) << store.error().message;
  EXPECT_TRUE(kept_.empty());
}

TEST_F(RestoredTest, AWholeStoreIsOpenedAsItIs) {
  { ASSERT_TRUE(open().ok()); }
  EXPECT_TRUE(kept_.empty());
}

}  // namespace
}  // namespace unik::controller
