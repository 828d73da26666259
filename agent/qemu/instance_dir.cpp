#include "agent/qemu/instance_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace unik::agent {
namespace {

constexpr std::string_view kRunFile = "run.json";
constexpr std::string_view kPidFile = "pid";
constexpr std::size_t kMaxFileBytes = 64 * 1024;
constexpr int kSocketBacklog = 8;

std::string read_small(int directory, std::string_view name) {
  const Fd fd(openat(directory, std::string(name).c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer;
  while (fd && text.size() < kMaxFileBytes) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

// `/proc/self/fd/N/NAME`: short wherever the state directory lies (a socket's path has at most 107 bytes).
sockaddr_un socket_address(int directory, std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.*s", directory,
                static_cast<int>(name.size()), name.data());
  return address;
}

}  // namespace

std::string instance_dir_name(const InstanceId& id) {
  std::string name = to_string(id);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::optional<InstanceId> parse_instance_dir_name(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::nullopt;
  std::string text(name);
  std::replace(text.begin(), text.end(), '.', '/');
  const Result<InstanceId> id = parse_instance_id(text);
  if (!id.ok()) return std::nullopt;
  return *id;
}

Error InstanceDir::failed(std::string_view what, std::string_view name) const {
  return unavailable("instance_dir", "cannot " + std::string(what) + ' ' + file(name) + ": " + std::strerror(errno));
}

Result<InstanceDir> InstanceDir::open(const std::string& instances, const InstanceId& id) {
  const std::string path = instances + '/' + instance_dir_name(id);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return unavailable("instance_dir", "cannot create " + path + ": " + std::strerror(errno));
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return unavailable("instance_dir", "cannot open " + path + ": " + std::strerror(errno));
  return InstanceDir(path, std::move(fd));
}

Result<void> InstanceDir::write_run(const RunFile& run) const {
  const std::string json = to_json(run);
  const std::string temporary = std::string(kRunFile) + ".new";
  const Fd fd(openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return failed("create", temporary);
  const ssize_t n = write(fd.get(), json.data(), json.size());
  if (n != static_cast<ssize_t>(json.size())) return failed("write", temporary);
  if (renameat(fd_.get(), temporary.c_str(), fd_.get(), std::string(kRunFile).c_str()) != 0)
    return failed("replace", kRunFile);
  return {};
}

Result<RunFile> InstanceDir::read_run() const {
  const std::string text = read_small(fd_.get(), kRunFile);
  if (text.empty()) return not_found("no_run_file", "want " + file(kRunFile) + ", found none");
  return parse_run_file(text);
}

Result<Fd> InstanceDir::lock() const {
  Fd fd(openat(fd_.get(), std::string(kLockFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return failed("open", kLockFile);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return failed("lock", kLockFile);
  return conflict("vm_already_runs", "want no VM of this instance, found " + file(kLockFile) + " held by one (pid " +
                                         std::to_string(read_pid()) + "): stop it first");
}

bool InstanceDir::is_locked() const {
  const Result<Fd> fd = lock();
  return !fd.ok() && fd.error().code == ErrorCode::kConflict;
}

Result<Fd> InstanceDir::listen(std::string_view socket) const {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("create a socket for", socket);
  unlinkat(fd_.get(), std::string(socket).c_str(), 0);
  const sockaddr_un address = socket_address(fd_.get(), socket);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kSocketBacklog) != 0)
    return failed("listen on", socket);
  return fd;
}

Result<Fd> InstanceDir::connect(std::string_view socket) const {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("create a socket for", socket);
  const sockaddr_un address = socket_address(fd_.get(), socket);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("connect to", socket);
  return fd;
}

Result<Fd> InstanceDir::create(std::string_view name) const {
  Result<Fd> fd = open_or_create(name);
  if (fd.ok() && ftruncate(fd->get(), 0) != 0) return failed("empty", name);
  return fd;
}

Result<Fd> InstanceDir::open_or_create(std::string_view name) const {
  Fd fd(openat(fd_.get(), std::string(name).c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) return failed("create", name);
  return fd;
}

std::uint64_t InstanceDir::size_of(std::string_view name) const {
  struct stat info {};
  if (fstatat(fd_.get(), std::string(name).c_str(), &info, 0) != 0) return 0;
  return static_cast<std::uint64_t>(info.st_size);
}

std::string InstanceDir::tail(std::string_view name, std::size_t max_bytes, std::uint64_t begin) const {
  const Fd fd(openat(fd_.get(), std::string(name).c_str(), O_RDONLY | O_CLOEXEC));
  const std::uint64_t size = size_of(name);
  if (!fd || size <= begin) return {};
  std::string text(std::min<std::uint64_t>(max_bytes, size - begin), '\0');
  const ssize_t n = pread(fd.get(), text.data(), text.size(), static_cast<off_t>(size - text.size()));
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

pid_t InstanceDir::read_pid() const {
  const std::string text = read_small(fd_.get(), kPidFile);
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return std::max(pid, 0);
}

void InstanceDir::remove() const {
  std::error_code ignored;  // what cannot be removed now is found again by the next scan
  std::filesystem::remove_all(path_, ignored);
}

std::vector<InstanceId> list_instance_dirs(const std::string& instances) {
  std::vector<InstanceId> ids;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(instances.c_str()), &closedir);
  if (!directory) return ids;
  while (const dirent* entry = readdir(directory.get()))
    if (const std::optional<InstanceId> id = parse_instance_dir_name(entry->d_name)) ids.push_back(*id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace unik::agent
