// Listening sockets: opened so that a living server is never pushed aside, closed so that nothing is left behind.
#pragma once

#include <sys/types.h>

#include "api/result.hpp"
#include "wire/http_server.hpp"

namespace unik::wire {

// Owns the socket and, for a unix socket, its file while that is still the one it made.
class Listener {
 public:
  // A socket file on which nobody answers is replaced. Two programs that start in the same instant on the same path are
  // not told apart here: who needs that holds a lock. Errors: as HttpServer::start.
  static Result<Listener> open(const ListenAddress& address);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return fd_; }
  const Endpoint& endpoint() const { return endpoint_; }  // with the port that it got

 private:
  Listener(int fd, Endpoint endpoint) : fd_(fd), endpoint_(std::move(endpoint)) {}
  static Result<Listener> open_unix(const ListenAddress& address);
  static Result<Listener> open_tcp(const ListenAddress& address);

  int fd_ = -1;
  Endpoint endpoint_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// A new connection's socket, made non-blocking, or -1 with errno.
int accept_connection(int listener_fd);

// Sets what a TCP connection needs (no delay, keep-alive probes that notice a dead host in about a minute) and tells
// who is there.
Peer greet(int fd);

}  // namespace unik::wire
