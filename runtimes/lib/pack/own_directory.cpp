#include "runtimes/lib/pack/own_directory.hpp"

#include <system_error>

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

std::string described(const fs::path& path, fs::file_type type) {
  std::error_code error;
  return type == fs::file_type::symlink ? "a link to " + fs::read_symlink(path, error).string() : "a file";
}

Error no_directory(const fs::path& path, fs::file_type type) {
  return invalid("unsafe_source", path.string() + ": want a directory, which builds write to, found " +
                                      described(path, type) + "; remove it");
}

// Nothing there will do: a build makes it.
Result<void> check_directory(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(path, error).type();
  if (type == fs::file_type::not_found || type == fs::file_type::directory) return {};
  return no_directory(path, type);
}

// What lies directly in `path` is opened, written to and removed by its name.
Result<void> check_entries(const fs::path& path) {
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->symlink_status(ignored).type() == fs::file_type::symlink)
      return invalid("unsafe_source", entry->path().string() + ": want a file or a directory, found " +
                                          described(entry->path(), fs::file_type::symlink) + "; remove it");
  }
  return {};
}

Result<void> remove_left(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return unavailable("store_failed", "removing " + directory.string() + ": " + error.message());
  return {};
}

}  // namespace

fs::path native_directory(const fs::path& source) {
  return source / kOwnDirectory / "native";
}
fs::path cache_directory(const fs::path& source) {
  return source / kOwnDirectory / "cache";
}
fs::path work_directory(const fs::path& source) {
  return native_directory(source) / "work";
}
fs::path app_directory(const fs::path& source) {
  return native_directory(source) / "app";
}
fs::path metadata_path(const fs::path& source) {
  return native_directory(source) / "pack-metadata.json";
}
fs::path build_log_path(const fs::path& source) {
  return native_directory(source) / "build.log";
}

Result<void> check_own_directory(const fs::path& source) {
  if (auto checked = check_directory(source / kOwnDirectory); !checked) return checked;
  for (const fs::path& part : {native_directory(source), cache_directory(source)}) {
    if (auto checked = check_directory(part); !checked) return checked;
    if (auto checked = check_entries(part); !checked) return checked;
  }
  return check_directory(cache_directory(source) / "home");
}

Result<Fd> enter_own_directory(const fs::path& source) {
  if (auto checked = check_own_directory(source); !checked) return checked.error();
  for (const fs::path& part : {native_directory(source), cache_directory(source) / "home"})
    if (auto made = make_directories(part); !made) return std::move(made).error();
  auto lock = lock_file(native_directory(source) / "lock", LockMode::kExclusive);
  if (!lock) return lock;
  for (const fs::path& left : {work_directory(source), app_directory(source)})
    if (auto removed = remove_left(left); !removed) return removed.error();
  return lock;
}

}  // namespace unik::runtimes
