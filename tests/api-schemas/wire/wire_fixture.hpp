// What the wire's tests share: a server on a fresh unix socket and on loopback, a client that sends raw bytes, and a
// box that waits for what another thread says. Every wait is bounded by kPatience and ends as soon as it can.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "wire/http_server.hpp"

namespace unik::wire {

inline constexpr auto kPatience = std::chrono::seconds(20);

// One value from another thread.
template <typename T>
class Box {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    ++count_;
    changed_.notify_all();
  }
  // The value, once there is one; empty when patience ran out.
  std::optional<T> wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return value_.has_value(); });
    return value_;
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> value_;
  int count_ = 0;
};

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "wireXXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// A blocking socket that says exactly what it is told. Every call gives up after kPatience.
class RawClient {
 public:
  explicit RawClient(const Endpoint& endpoint) {
    const bool unix = endpoint.scheme == Scheme::kUnix;
    fd_ = socket(unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{kPatience.count(), 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    int result = -1;
    if (unix) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, endpoint.socket_path.c_str(), sizeof(address.sun_path) - 1);
      result = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(endpoint.port);
      inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
      result = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    }
    connected_ = result == 0;
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), kept_(std::move(other.kept_)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { end(); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  bool say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void half_close() const { shutdown(fd_, SHUT_WR); }
  void end() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

  // Up to and with `mark`; what came behind it is kept for the next call. Empty when the connection ended before.
  std::string hear_until(std::string_view mark) {
    while (true) {
      const std::size_t at = kept_.find(mark);
      if (at != std::string::npos) return take(at + mark.size());
      if (!more()) return {};
    }
  }
  std::string hear(std::size_t bytes) {
    while (kept_.size() < bytes)
      if (!more()) return {};
    return take(bytes);
  }
  // Everything until the server closes.
  std::string hear_all() {
    while (more()) {
    }
    return take(kept_.size());
  }
  // One response with a Content-Length: head and body.
  std::string hear_response() {
    const std::string head = hear_until("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    return head + hear(static_cast<std::size_t>(std::atol(head.c_str() + at + 16)));
  }
  // Whether the server closed, and said nothing more before.
  bool hears_end() { return kept_.empty() && !more() && kept_.empty(); }

 private:
  bool more() {
    char buffer[16384];
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    kept_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  std::string take(std::size_t bytes) {
    std::string out = kept_.substr(0, bytes);
    kept_.erase(0, bytes);
    return out;
  }

  int fd_ = -1;
  bool connected_ = false;
  std::string kept_;
};

class ServerTest : public ::testing::Test {
 protected:
  // Stops the server when the test's scope ends, before what its handler refers to is gone.
  class [[nodiscard]] Running {
   public:
    explicit Running(std::optional<HttpServer>& server) : server_(server) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { server_.reset(); }

   private:
    std::optional<HttpServer>& server_;
  };

  // Listens on a unix socket and on a free loopback port.
  Running serve(HttpHandler handler, ServerOptions options = {}) {
    options.listen = {{unix_endpoint(dir_ / "s"), true}, {Endpoint{Scheme::kHttp, "127.0.0.1", 0, ""}, true}};
    Result<HttpServer> server = HttpServer::start(std::move(options), std::move(handler));
    if (!server) ADD_FAILURE() << to_string(server.error());
    server_.emplace(std::move(*server));
    return Running(server_);
  }
  const Endpoint& unix_side() const { return server_->endpoints()[0]; }
  const Endpoint& tcp_side() const { return server_->endpoints()[1]; }

  TempDir dir_;
  std::optional<HttpServer> server_;
};

inline HttpResponse text_response(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  response.content_type = "text/plain";
  return response;
}

}  // namespace unik::wire
