// Packages on this host, by their sums: `KIND/HEX` below one directory outside every checkout. A file appears under its
// name only when it is whole and verified; any number of processes may share the cache. What is found is verified
// again, since it is about to be unpacked.
#pragma once

#include <filesystem>
#include <optional>

#include "api/result.hpp"
#include "runtimes/lib/runtime/package_sum.hpp"

namespace unik::runtimes {

class PackageCache {
 public:
  explicit PackageCache(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // One that is there but damaged is removed and not found.
  std::optional<std::filesystem::path> find(const PackageSum& sum) const;

  // Moves or copies `file` in. Errors: `invalid/wrong_package`, saying both sums; `unavailable/store_failed`.
  Result<std::filesystem::path> put(const std::filesystem::path& file, const PackageSum& sum) const;

  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

}  // namespace unik::runtimes
