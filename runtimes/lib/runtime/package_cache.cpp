#include "runtimes/lib/runtime/package_cache.hpp"

#include <fcntl.h>

#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {

namespace fs = std::filesystem;

std::optional<fs::path> PackageCache::find(const PackageSum& sum) const {
  const fs::path place = directory_ / to_string(sum);
  const auto found = sum_file(place, sum.kind);
  if (!found) return std::nullopt;
  if (*found == sum) return place;
  std::error_code ignored;
  fs::remove(place, ignored);
  return std::nullopt;
}

Result<fs::path> PackageCache::put(const fs::path& file, const PackageSum& sum) const {
  auto found = sum_file(file, sum.kind);
  if (!found) return std::move(found).error();
  if (*found != sum)
    return invalid("wrong_package", file.filename().string() + ": want " + std::to_string(sum.size) + " bytes with " +
                                        to_string(sum) + ", got " + std::to_string(found->size) + " with " +
                                        to_string(*found) + "; it was not unpacked");
  const fs::path place = directory_ / to_string(sum);
  if (auto made = make_directories(place.parent_path()); !made) return std::move(made).error();
  const fs::path fresh = fresh_name(place.parent_path(), ".new-");
  std::error_code error;
  fs::copy_file(file, fresh, error);
  if (!error) {
    const auto fd = open_file(fresh, O_RDONLY);
    if (auto synced = fd ? sync_file(fd->get(), fresh) : Result<void>(fd.error()); !synced)
      return std::move(synced).error();
    fs::rename(fresh, place, error);
  }
  if (!error) return place;
  std::error_code ignored;
  fs::remove(fresh, ignored);
  return unavailable("store_failed", "keeping " + place.string() + ": " + error.message());
}

}  // namespace unik::runtimes
