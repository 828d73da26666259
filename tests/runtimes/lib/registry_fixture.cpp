#include "tests/runtimes/lib/registry_fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace unik::runtimes {
namespace {

constexpr int kStartTries = 1000;  // of 10 ms each
constexpr int kBuffer = 64 << 10;  // bytes that a cut may lose on the way to the client
constexpr int kPollMs = 50;        // at most, until an ending proxy is noticed

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int listen_on_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 64) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(fd);
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

void reset(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

}  // namespace

DebianRegistry::DebianRegistry(const std::filesystem::path& directory, const std::string& htpasswd)
    : directory_(directory) {
  std::filesystem::create_directories(directory);
  const int free_port = listen_on_loopback(port_);
  ::close(free_port);
  const auto config = directory / "config.yml";
  std::ofstream out(config);
  out << "version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: " << (directory / "data").string()
      << "}\n  delete: {enabled: true}\nhttp: {addr: '" << host() << "'}\n";
  if (!htpasswd.empty()) {
    std::ofstream(directory / "htpasswd") << htpasswd;
    out << "auth:\n  htpasswd: {realm: test, path: " << (directory / "htpasswd").string() << "}\n";
  }
  out.close();
  const std::string log = (directory / "log").string();
  pid_ = ::fork();
  if (pid_ == 0) {
    const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    ::execlp("docker-registry", "docker-registry", "serve", config.c_str(), nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < kStartTries && !up_; ++i) {
    if (const int fd = connect_to(port_); fd >= 0) {
      ::close(fd);
      up_ = true;
    } else if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return;
    } else {
      ::poll(nullptr, 0, 10);
    }
  }
}

DebianRegistry::~DebianRegistry() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

CuttingProxy::CuttingProxy(std::uint16_t to, std::vector<std::int64_t> cuts) : to_(to), cuts_(std::move(cuts)) {
  listener_ = listen_on_loopback(port_);
  acceptor_ = std::thread([this] { accept_all(); });
}

CuttingProxy::~CuttingProxy() {
  ending_ = true;
  acceptor_.join();
  for (std::thread& passer : passers_) passer.join();
  ::close(listener_);
}

void CuttingProxy::accept_all() {
  while (!ending_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, kPollMs) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard lock(mutex_);
    passers_.emplace_back([this, client] { pass(client); });
  }
}

void CuttingProxy::pass(int client) {
  const int server = connect_to(to_);
  if (server < 0) return reset(client);
  ::setsockopt(client, SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
  std::vector<char> buffer(16 << 10);
  pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
  while (!ending_) {
    if (::poll(ends, 2, kPollMs) <= 0) continue;
    for (int side = 0; side < 2; ++side) {
      if (ends[side].revents == 0) continue;
      const ssize_t got = ::read(ends[side].fd, buffer.data(), buffer.size());
      bool over = got <= 0;
      for (ssize_t sent = 0; !over && sent < got;) {
        const ssize_t put =
            ::send(ends[1 - side].fd, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
        over = put <= 0;
        sent += std::max<ssize_t>(put, 0);
      }
      if (!over && !spend(got)) continue;
      // Without an orderly end, as when a wire is pulled: what lies in the buffers is lost.
      got > 0 && !over ? reset(client) : (void)::close(client);
      got > 0 && !over ? reset(server) : (void)::close(server);
      return;
    }
  }
  ::close(client);
  ::close(server);
}

bool CuttingProxy::spend(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  moved_ += bytes;
  since_ += bytes;
  if (next_ == cuts_.size() || since_ < cuts_[next_]) return false;
  ++next_;
  since_ = 0;
  return true;
}

std::size_t CuttingProxy::cut() const {
  const std::lock_guard lock(mutex_);
  return next_;
}
std::int64_t CuttingProxy::moved() const {
  const std::lock_guard lock(mutex_);
  return moved_;
}
std::size_t CuttingProxy::connections() const {
  const std::lock_guard lock(mutex_);
  return passers_.size();
}

}  // namespace unik::runtimes
