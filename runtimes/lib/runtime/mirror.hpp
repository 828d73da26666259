// A second source of packages: any place that holds an archive's files under their archive-relative paths, such as a
// snapshot of Debian's archive or a directory.
#pragma once

#include <filesystem>
#include <string>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::runtimes {

inline constexpr Duration kMirrorStall = std::chrono::seconds(60);

// `base` is `http:`, `https:` or `file:`. At most `max_bytes` are taken. Errors: `invalid/bad_mirror`,
// `not_found/no_such_package`, `unavailable/…` and `timeout/…` of the way there.
Result<void> fetch_from_mirror(const std::string& base, const std::string& path, std::int64_t max_bytes,
                               const std::filesystem::path& into);

}  // namespace unik::runtimes
