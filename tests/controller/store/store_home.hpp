// A directory of its own for the store of one test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace unik::controller {

// Undoes every migration but the first, on a store without strays.
inline constexpr const char* kBackToTheFirstVersion =
    "DELETE FROM counters WHERE name IN ('seal', 'unsealed_at');"
    "DROP TABLE bases; DROP TABLE base_rows; DROP TABLE intents; DROP TABLE blob_uses;"
    "ALTER TABLE strays DROP COLUMN quarantined; PRAGMA user_version = 1";

class StoreHome {
 public:
  StoreHome()
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   ("store-" + std::to_string(::getpid()) + "-" +
                    ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~StoreHome() { std::filesystem::remove_all(directory_); }
  StoreHome(const StoreHome&) = delete;
  StoreHome& operator=(const StoreHome&) = delete;

  std::string path() const { return directory_ / "controller.db"; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

}  // namespace unik::controller
