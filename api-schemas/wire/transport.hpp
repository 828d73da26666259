// A connection's byte stream. Everything that a server connection reads or writes goes through here, without blocking:
// it is the one place that a TLS session on the same socket would take.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/out_queue.hpp"

namespace unik::wire {

class Transport {
 public:
  enum class State : std::uint8_t { kDone, kWouldBlock, kEnd, kFailed };
  struct Moved {
    State state = State::kDone;
    std::size_t bytes = 0;
  };

  // Does not own `fd`.
  explicit Transport(int fd) : fd_(fd) {}

  Moved read(std::span<char> into) const {
    ssize_t n = 0;
    do n = recv(fd_, into.data(), into.size(), 0);
    while (n < 0 && errno == EINTR);
    if (n == 0) return {State::kEnd, 0};
    return moved(n);
  }

  // Writes what the kernel takes and removes it from `queue`, which is not empty.
  Moved write(OutQueue& queue) const {
    std::array<iovec, OutQueue::kVectors> vectors{};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = queue.vectors(vectors);
    ssize_t n = 0;
    do n = sendmsg(fd_, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n > 0) queue.pop(static_cast<std::size_t>(n));
    return moved(n);
  }

  void end_writing() const { shutdown(fd_, SHUT_WR); }

  // So that the peer cannot take a cut response for a whole one, even where the end of the connection is its end.
  void reset_on_close() const {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

 private:
  static Moved moved(ssize_t n) {
    if (n >= 0) return {State::kDone, static_cast<std::size_t>(n)};
    return {errno == EAGAIN || errno == EWOULDBLOCK ? State::kWouldBlock : State::kFailed, 0};
  }

  int fd_;
};

}  // namespace unik::wire
