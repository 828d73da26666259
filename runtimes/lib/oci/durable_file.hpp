// Files that are whole or not there: descriptors that close themselves, bounded reads, atomic and durable replacement,
// and advisory locks that die with their process. Thin over POSIX; every error names the path and the system's reason.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/result.hpp"
#include "api/units.hpp"

namespace unik::runtimes {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// The calling thread's last system error as `DOING PATH: REASON`: `not_found/no_such_file` for ENOENT and ENOTDIR,
// `exhausted/disk_full` where there is no room, as everywhere, else `unavailable/REASON_NAME`. Call it before anything
// else changes errno.
Error system_error(std::string_view reason_name, std::string_view doing, const std::filesystem::path& path);

// Errors of all below: `system_error` with `store_failed`.
Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);  // O_CLOEXEC is added
Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path);
Result<void> make_directories(const std::filesystem::path& path);
Result<void> sync_file(int fd, const std::filesystem::path& path);
Result<void> sync_directory(const std::filesystem::path& path);

// The bytes of a file from its beginning, up to 256 KiB at a time. Errors: also those of `take`, which end the reading.
Result<void> read_chunks(const std::filesystem::path& path, const std::function<Result<void>(std::string_view)>& take);

// Errors: also `exhausted/file_too_large`.
Result<std::string> read_file(const std::filesystem::path& path, Bytes max);

// A name in `directory` that no other call of any process has given: for a temporary file beside its place.
std::filesystem::path fresh_name(const std::filesystem::path& directory, std::string_view prefix);

// Removes what fresh_name gave to processes that are no more, as one that was killed leaves it.
void remove_abandoned(const std::filesystem::path& directory, std::string_view prefix);

// A private directory that goes again with all that is in it. Below a store's own `tmp` it is swept after a kill.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Temporary file, fsync, rename, fsync of the directory: readers see the old bytes or the new ones.
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes);

// The lock file is created where it is missing and never removed. Waits, unless `wait` is false:
// `unavailable/store_busy` then.
enum class LockMode { kShared, kExclusive };
Result<Fd> lock_file(const std::filesystem::path& path, LockMode mode, bool wait = true);
// A directory that is there, itself: for all its users, by whatever path they come, and without a file in it. Waits.
Result<Fd> lock_directory(const std::filesystem::path& path);
// For who holds signals back meanwhile: while somebody else has it, asks `go_on` before each try; its error ends the
// wait.
constexpr std::chrono::milliseconds kLockPoll{100};
Result<Fd> lock_directory(const std::filesystem::path& path, const std::function<Result<void>()>& go_on);

}  // namespace unik::runtimes
