// Files that are put where others may put theirs: whole, never over what is there, and taken away again unless they are
// kept.
#pragma once

#include <filesystem>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

// Also a name that leads nowhere is taken. Errors: `conflict/release_exists`.
Result<void> check_free(const std::filesystem::path& place);

class PlacedFiles {
 public:
  PlacedFiles() = default;
  PlacedFiles(const PlacedFiles&) = delete;
  PlacedFiles& operator=(const PlacedFiles&) = delete;
  ~PlacedFiles();

  // Copies beside `to`, then names it. Errors: `conflict/release_exists`; `unavailable/store_failed`.
  Result<void> put(const std::filesystem::path& from, const std::filesystem::path& to);
  void keep() { placed_.clear(); }

 private:
  std::vector<std::filesystem::path> placed_;  // by this one alone
};

}  // namespace unik::runtimes
