#include "agent/forward/backlog.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>

#include "agent/forward/fd.hpp"
#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr unsigned kTcpListen = 0x0A;  // state column of /proc/net/tcp

Error denied(pid_t pid, const char* what, int error) {
  return Error{
      ErrorCode::kForbidden,
      "ptrace_denied",
      std::string(what) + " of process " + std::to_string(pid) + ": " + describe_errno(error) +
          "; run the agent as the user of its VMs, and let it trace its children (kernel.yama.ptrace_scope 0 or 1)",
      {},
      {}};
}

Error no_listener(pid_t pid, const std::string& address, std::uint16_t port) {
  return unavailable("no_such_listener",
                     "process " + std::to_string(pid) + " does not listen on " + format_address(address, port));
}

// The inode of the socket that listens there, in the network namespace of `pid`.
std::optional<std::uint64_t> listening_inode(pid_t pid, in_addr address, std::uint16_t port) {
  const std::string path = "/proc/" + std::to_string(pid) + "/net/tcp";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return std::nullopt;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), line.size(), file.get()) != nullptr) {
    unsigned local = 0;
    unsigned local_port = 0;
    unsigned state = 0;
    std::uint64_t inode = 0;
    const int fields = std::sscanf(line.data(), " %*d: %x:%x %*x:%*x %x %*x:%*x %*x:%*x %*x %*d %*d %" SCNu64, &local,
                                   &local_port, &state, &inode);
    if (fields == 4 && state == kTcpListen && local_port == port && local == address.s_addr) return inode;
  }
  return std::nullopt;
}

}  // namespace

Result<void> widen_backlog(pid_t pid, const std::string& address, std::uint16_t port) {
  in_addr wanted{};
  if (::inet_pton(AF_INET, address.c_str(), &wanted) != 1)
    return invalid("bad_address", "want a numeric IPv4 address, got `" + address + "`");

  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return unavailable("no_such_process", "process " + std::to_string(pid) + ": " + describe_errno(errno));
  const std::optional<std::uint64_t> inode = listening_inode(pid, wanted, port);
  if (!inode) return no_listener(pid, address, port);

  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> descriptors(::opendir(directory.c_str()), ::closedir);
  if (!descriptors) return denied(pid, "reading the descriptors", errno);
  const std::string link = "socket:[" + std::to_string(*inode) + "]";
  while (const dirent* entry = ::readdir(descriptors.get())) {
    const std::string_view name = entry->d_name;
    int number = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) continue;
    std::array<char, 64> target{};
    const ssize_t size = ::readlinkat(::dirfd(descriptors.get()), entry->d_name, target.data(), target.size());
    if (size <= 0 || std::string_view(target.data(), static_cast<std::size_t>(size)) != link) continue;
    const Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
    if (!copy) return denied(pid, "copying a socket", errno);
    if (::listen(copy.get(), kWideBacklog) != 0)
      return internal("listen_failed", "listen on " + format_address(address, port) + ": " + describe_errno(errno));
    return {};
  }
  return no_listener(pid, address, port);
}

}  // namespace unik::agent
