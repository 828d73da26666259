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

  // Makes a directory, and those above it, where they are missing. They go again where nothing else was put into them.
  Result<void> make_place(const std::filesystem::path& directory);
  // Copies beside `to`, then names it. Errors: `conflict/release_exists`; `unavailable/store_failed`.
  Result<void> put(const std::filesystem::path& from, const std::filesystem::path& to);
  void keep();

 private:
  std::vector<std::filesystem::path> placed_;  // by this one alone
  std::vector<std::filesystem::path> made_;    // directories, those above others first
};

}  // namespace unik::runtimes
