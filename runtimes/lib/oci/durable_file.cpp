#include "runtimes/lib/oci/durable_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

namespace unik::runtimes {
namespace {

constexpr std::size_t kReadChunk = 256 << 10;

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error system_error(std::string_view reason_name, std::string_view doing, const std::filesystem::path& path) {
  const int number = errno;
  std::string message(doing);
  message.append(" ").append(path).append(": ").append(std::generic_category().message(number));
  if (number == ENOENT || number == ENOTDIR) return not_found("no_such_file", std::move(message));
  if (number == ENOSPC || number == EDQUOT)
    return exhausted("disk_full", std::move(message) + ": free some space on that disk");
  return unavailable(std::string(reason_name), std::move(message));
}

Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return system_error("store_failed", "opening", path);
  return Fd(fd);
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("store_failed", "writing", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return {};
  errno = error.value();
  return system_error("store_failed", "creating the directory", path);
}

Result<void> sync_file(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0) return system_error("store_failed", "syncing", path);
  return {};
}

Result<void> sync_directory(const std::filesystem::path& path) {
  auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!fd) return std::move(fd).error();
  return sync_file(fd->get(), path);
}

Result<void> read_chunks(const std::filesystem::path& path, const std::function<Result<void>(std::string_view)>& take) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd) return std::move(fd).error();
  std::vector<char> buffer(kReadChunk);
  while (true) {
    const ssize_t got = ::read(fd->get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read_failed", "reading", path);
    if (got == 0) return {};
    if (auto taken = take({buffer.data(), static_cast<std::size_t>(got)}); !taken) return taken;
  }
}

Result<std::string> read_file(const std::filesystem::path& path, Bytes max) {
  std::string text;
  auto done = read_chunks(path, [&](std::string_view bytes) -> Result<void> {
    text += bytes;
    if (static_cast<std::int64_t>(text.size()) <= max.value) return {};
    return exhausted("file_too_large", path.string() + ": want at most " + format_bytes(max) + ", found more");
  });
  if (!done) return std::move(done).error();
  return text;
}

std::filesystem::path fresh_name(const std::filesystem::path& directory, std::string_view prefix) {
  static std::atomic<std::uint64_t> counter{0};
  std::uint64_t salt = 0;
  if (::getrandom(&salt, sizeof salt, 0) != sizeof salt) salt = static_cast<std::uint64_t>(::getpid());
  return directory / (std::string(prefix) + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)) +
                      "-" + std::to_string(salt));
}

void remove_abandoned(const std::filesystem::path& directory, std::string_view prefix) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with(prefix)) continue;
    const pid_t pid = std::atoi(name.c_str() + prefix.size());
    std::error_code ignored;
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(entry->path(), ignored);
  }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path fresh =
      fresh_name(path.parent_path(), std::string(".").append(path.filename()).append("."));
  auto fd = open_file(fresh, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd) return std::move(fd).error();
  Result<void> done = write_all(fd->get(), bytes, fresh);
  if (done) done = sync_file(fd->get(), fresh);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = system_error("store_failed", "renaming to", path);
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  return sync_directory(path.parent_path());
}

Result<Fd> lock_file(const std::filesystem::path& path, LockMode mode, bool wait) {
  auto fd = open_file(path, O_RDWR | O_CREAT);
  if (!fd) return fd;
  const int operation = (mode == LockMode::kShared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
  while (::flock(fd->get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK)
      return unavailable("store_busy",
                         path.parent_path().string() + ": want nobody at work on it, found somebody; try again");
    return system_error("store_failed", "locking", path);
  }
  return fd;
}

Result<Fd> lock_directory(const std::filesystem::path& path) {
  auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd;
  while (::flock(fd->get(), LOCK_EX) != 0)
    if (errno != EINTR) return system_error("store_failed", "locking", path);
  return fd;
}

Result<Fd> lock_directory(const std::filesystem::path& path, const std::function<Result<void>()>& go_on) {
  auto fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!fd) return fd;
  while (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) return system_error("store_failed", "locking", path);
    if (auto going = go_on(); !going) return std::move(going).error();
    std::this_thread::sleep_for(kLockPoll);
  }
  return fd;
}

}  // namespace unik::runtimes
