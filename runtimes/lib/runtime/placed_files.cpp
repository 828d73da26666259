#include "runtimes/lib/runtime/placed_files.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHalfPlaced = ".placing-";

Error place_taken(const fs::path& place) {
  return conflict("release_exists", place.string() +
                                        ": is there already, and is never overwritten; if no registry "
                                        "names it, it is a leftover: remove it by hand");
}

// In one step, so that whoever comes second fails. A file system that cannot rename so can link.
bool rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  if (::link(from.c_str(), to.c_str()) != 0) return false;
  ::unlink(from.c_str());
  return true;
}

Result<void> copy_durably(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) return unavailable("store_failed", "copying to " + to.string() + ": " + error.message());
  const auto fd = open_file(to, O_RDONLY);
  return fd ? sync_file(fd->get(), to) : Result<void>(fd.error());
}

}  // namespace

Result<void> check_free(const fs::path& place) {
  std::error_code ignored;
  return fs::symlink_status(place, ignored).type() == fs::file_type::not_found ? Result<void>() : place_taken(place);
}

PlacedFiles::~PlacedFiles() {
  std::error_code ignored;
  for (const fs::path& file : placed_) fs::remove(file, ignored);
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) ::rmdir(directory->c_str());
}

void PlacedFiles::keep() {
  placed_.clear();
  made_.clear();
}

Result<void> PlacedFiles::make_place(const fs::path& directory) {
  std::error_code ignored;
  std::vector<fs::path> missing;
  for (fs::path at = directory; !at.empty() && !fs::exists(at, ignored); at = at.parent_path()) missing.push_back(at);
  made_.insert(made_.end(), missing.rbegin(), missing.rend());
  return make_directories(directory);
}

Result<void> PlacedFiles::put(const fs::path& from, const fs::path& to) {
  if (auto free = check_free(to); !free) return free;
  if (auto made = make_place(to.parent_path()); !made) return made;
  const fs::path fresh = fresh_name(to.parent_path(), kHalfPlaced);
  auto done = copy_durably(from, fresh);
  if (done && !rename_new(fresh, to))
    done = errno == EEXIST ? place_taken(to) : system_error("store_failed", "placing", to);
  if (!done) {
    std::error_code ignored;
    fs::remove(fresh, ignored);
    return done;
  }
  placed_.push_back(to);
  return sync_directory(to.parent_path());
}

}  // namespace unik::runtimes
