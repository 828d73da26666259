#include "wire/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace unik::wire {
namespace {

constexpr int kBacklog = 4096;

Error cannot_listen(const Endpoint& endpoint, int error) {
  const std::string what = "cannot listen on " + to_string(endpoint) + ": " + std::strerror(error);
  if (error == EADDRINUSE)
    return conflict("address_in_use", what + "; another program listens there: stop it or choose another address");
  if (error == EADDRNOTAVAIL) return invalid("bad_listen_address", what + "; want an address of this host");
  return unavailable("cannot_listen", what);
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

// Whether the file at `path` is a socket that nobody listens on.
bool is_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const Socket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) return false;
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
         errno == ECONNREFUSED;
}

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

std::string address_text(const sockaddr_storage& address) {
  std::string text(INET6_ADDRSTRLEN, '\0');
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), static_cast<socklen_t>(text.size()));
    text.resize(std::strlen(text.c_str()));
    return text + ":" + std::to_string(ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), static_cast<socklen_t>(text.size()));
  text.resize(std::strlen(text.c_str()));
  return "[" + text + "]:" + std::to_string(ntohs(v6.sin6_port));
}

}  // namespace

Result<Listener> Listener::open(const ListenAddress& address) {
  switch (address.endpoint.scheme) {
    case Scheme::kUnix:
      return open_unix(address);
    case Scheme::kHttp:
      return open_tcp(address);
    case Scheme::kHttps:
      break;
  }
  return invalid("bad_listen_address",
                 "cannot listen on " + to_string(address.endpoint) + ": want unix:///PATH or http://ADDRESS:PORT");
}

Result<Listener> Listener::open_unix(const ListenAddress& address) {
  const std::string& path = address.endpoint.socket_path;
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return invalid("bad_listen_address", "cannot listen on " + to_string(address.endpoint) +
                                             ": want a socket path of 1 to 107 bytes; choose a shorter directory");
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return cannot_listen(address.endpoint, errno);
  const sockaddr_un name = unix_address(path);
  // On Linux the file takes the socket's mode, so that it is never open to others, not even for an instant.
  const mode_t mode = address.owner_only ? 0600 : 0666;
  if (fchmod(socket.get(), mode) != 0) return cannot_listen(address.endpoint, errno);
  const auto bind_once = [&] {
    return bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ? 0 : errno;
  };
  int error = bind_once();
  if (error == EADDRINUSE && is_stale(path, name)) {
    unlink(path.c_str());
    error = bind_once();
  }
  if (error != 0) return cannot_listen(address.endpoint, error);
  Listener listener(socket.release(), address.endpoint);
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) {
    listener.device_ = info.st_dev;
    listener.inode_ = info.st_ino;
  }
  if (!address.owner_only && chmod(path.c_str(), mode) != 0) return cannot_listen(address.endpoint, errno);  // umask
  if (listen(listener.fd_, kBacklog) != 0) return cannot_listen(address.endpoint, errno);
  return listener;
}

Result<Listener> Listener::open_tcp(const ListenAddress& address) {
  Endpoint endpoint = address.endpoint;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (resolved != 0)
    return invalid("bad_listen_address", "cannot listen on " + to_string(endpoint) + ": " + gai_strerror(resolved) +
                                             "; want an address of this host");
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return cannot_listen(endpoint, errno);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (found->ai_family == AF_INET6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0) return cannot_listen(endpoint, errno);
  if (listen(socket.get(), kBacklog) != 0) return cannot_listen(endpoint, errno);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    return cannot_listen(endpoint, errno);
  endpoint.port = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(bound).sin_port
                                                   : reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return Listener(socket.release(), std::move(endpoint));
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      endpoint_(std::move(other.endpoint_)),
      device_(other.device_),
      inode_(other.inode_) {}

Listener::~Listener() {
  if (fd_ < 0) return;
  struct stat info {};
  const bool ours = endpoint_.scheme == Scheme::kUnix && inode_ != 0 &&
                    lstat(endpoint_.socket_path.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  if (ours) unlink(endpoint_.socket_path.c_str());
  close(fd_);
}

int accept_connection(int listener_fd) {
  return accept4(listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

Peer greet(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  if (address.ss_family == AF_UNIX) {
    ucred who{};
    socklen_t size = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {"unix", std::nullopt};
    return {"unix", who.uid};
  }
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  return {address_text(address), std::nullopt};
}

}  // namespace unik::wire
