#include "forward_fixture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

namespace unik::agent::testing {
namespace {

// The test binary started as `BINARY forward …` is a forwarder and never gets to main().
__attribute__((constructor)) void be_forwarder(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) != "forward") return;
  ForwardLimits limits;
  std::vector<std::string> rest;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--connections")
      limits.connections = std::strtoul(argv[++i], nullptr, 10);
    else if (word == "--no-backend-wait-ms")
      limits.no_backend_wait = std::chrono::milliseconds(std::atoi(argv[++i]));
    else
      rest.push_back(word);
  }
  Result<ForwardOptions> options = parse_forward_arguments(rest);
  if (!options) std::_Exit(2);
  limits.retry_listen = 50ms;
  options->limits = limits;
  std::_Exit(forward_main(*options));
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "unik-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

ForwardProcess::ForwardProcess(const std::string& directory, std::vector<std::string> more) {
  std::vector<std::string> words = {own_program(), "forward", "--directory", directory, "--build", "test"};
  for (std::string& word : more) words.push_back(std::move(word));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (::posix_spawn(&pid_, words[0].c_str(), nullptr, nullptr, arguments.data(), environ) != 0) std::abort();
}
ForwardProcess::~ForwardProcess() {
  if (!gone_) kill9();
}
void ForwardProcess::kill9() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  gone_ = true;
}
bool ForwardProcess::ended() {
  int status = 0;
  gone_ = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  return gone_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t forwarder_pid(const std::string& directory) {
  Result<Channel> channel = connect_channel(directory, std::string(kForwardSocket));
  if (!channel) return -1;
  ucred peer{};
  socklen_t size = sizeof peer;
  ::getsockopt(channel->fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return peer.pid;
}

TableClient::TableClient(const std::string& directory) {
  eventually([&] {
    Result<Channel> channel = connect_channel(directory, std::string(kForwardSocket));
    if (channel) channel_ = std::make_unique<Channel>(std::move(*channel));
    return channel_ != nullptr;
  });
  if (!channel_) std::abort();
}
TableState TableClient::send(const ForwardTable& table) {
  ForwardMessage message{.kind = ForwardKind::kTable};
  message.table = table;
  EXPECT_TRUE(channel_->send_now(message, {}, 5s).ok());
  return await_state();
}
TableState TableClient::await_state() {
  const Result<ForwardMessage> answer = channel_->await(kPatience);
  EXPECT_TRUE(answer.ok());
  return answer ? answer->state : TableState{};
}

TestServer::TestServer(Serve serve, std::uint16_t port)
    : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int one = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const SocketAddress address = *parse_socket_address("127.0.0.1", port);
  if (::bind(listener_.get(), address.get(), address.size) != 0 || ::listen(listener_.get(), 1024) != 0) std::abort();
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.sin_port);
  thread_ = std::thread([this] {
    while (!stop_) {
      pollfd item{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&item, 1, 5) != 1) continue;
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++accepted_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      connections_.emplace_back([this, fd] { serve_(fd); });
    }
  });
}
TestServer::~TestServer() {
  stop();
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  for (std::thread& connection : connections_) connection.join();
  for (const int fd : open_) ::close(fd);
}
void TestServer::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  listener_.reset();
}

void echo(int fd) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    if (!send_all(fd, {buffer.data(), static_cast<std::size_t>(got)})) break;
  }
  ::shutdown(fd, SHUT_WR);
}

void echo_nothing(int fd) {
  read_to_end(fd);
}

TestServer::Serve say(std::string name) {
  return [name](int fd) {
    send_all(fd, name);
    ::shutdown(fd, SHUT_RDWR);
  };
}

std::uint16_t free_port() {
  TestServer server(echo);
  return server.port();
}

Fd connect_to(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const SocketAddress address = *parse_socket_address("127.0.0.1", port);
  if (::connect(fd.get(), address.get(), address.size) != 0) return {};
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::optional<std::string> read_to_end(int fd) {
  std::string all;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0) return std::nullopt;
    if (got == 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string read_exactly(int fd, std::size_t size) {
  std::string all(size, '\0');
  const ssize_t got = ::recv(fd, all.data(), size, MSG_WAITALL);
  all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return all;
}

std::string ask(std::uint16_t port) {
  const Fd fd = connect_to(port);
  return fd ? read_to_end(fd.get()).value_or("") : "";
}

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

}  // namespace unik::agent::testing
