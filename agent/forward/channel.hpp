// ForwardMessages over a unix stream socket: four bytes of length (little endian), then JSON. Descriptors travel beside
// the message that names them. Non-blocking, for an epoll loop; await() and send_now() wait, for start-up and handover.
//
// Owner: whoever holds it, one thread. A peer that sends more than kMaxMessageBytes in one message, or that does not
// read what it is sent, is taken for gone.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/forward/table.hpp"
#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::agent {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{16} << 20;  // about 100,000 backends
inline constexpr std::size_t kDescriptorsPerMessage = 200;              // the kernel takes 253

class Channel {
 public:
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  bool wants_write() const { return !out_.empty(); }

  // Takes the message and sends what fits now. False: the peer is gone.
  bool send(const ForwardMessage& message);
  bool flush();

  // Reads what is there. False: the peer is gone and next() has the rest.
  bool fill();
  // Whether a whole message (or what cannot be one) is there; `message` is set then.
  bool next(Result<ForwardMessage>& message);
  // Descriptors in the order in which they came; none when there are no more.
  Fd take_descriptor();

  // Waits for all of it to be taken by the kernel.
  Result<void> send_now(const ForwardMessage& message, std::span<const int> descriptors, Duration within);
  Result<ForwardMessage> await(Duration within);

 private:
  Fd socket_;
  std::string in_;
  std::string out_;
  std::deque<Fd> descriptors_;
};

// Connects to, or listens on, `directory`/`name`. A directory's path may be longer than a socket address can hold.
// Errors of connect: `unavailable`/`no_forwarder`.
Result<Channel> connect_channel(const std::string& directory, const std::string& name);
// Replaces the socket file in one step, so that who connects finds the old listener or the new one.
Result<Fd> listen_channel(const std::string& directory, const std::string& name);

}  // namespace unik::agent
