// `.unikctl` of a source: what builds keep there, and the only part of the user's tree that they write to or remove
// from. A source is not trusted with it: one that brings links in the place of these directories would lead a build
// out of the tree.
#pragma once

#include <filesystem>

#include "api/result.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {

inline constexpr const char* kOwnDirectory = ".unikctl";

std::filesystem::path native_directory(const std::filesystem::path& source);  // logs, records, the copy that is built
std::filesystem::path cache_directory(const std::filesystem::path& source);   // downloads; HOME of the commands
std::filesystem::path work_directory(const std::filesystem::path& source);    // of `native`: while a build goes on
std::filesystem::path app_directory(const std::filesystem::path& source);     // the same
std::filesystem::path metadata_path(const std::filesystem::path& source);
std::filesystem::path build_log_path(const std::filesystem::path& source);

// Errors: `invalid/unsafe_source` for a link or a file in the place of a directory, or a link directly in one of them.
Result<void> check_own_directory(const std::filesystem::path& source);

// Every build begins here. Makes what is missing, and removes what a killed build left. One build of a directory at a
// time: waits for another, and the lock is held as long as the result lives. Errors: those of check_own_directory,
// before anything is written or removed.
Result<Fd> enter_own_directory(const std::filesystem::path& source);

}  // namespace unik::runtimes
