// One direction of a relayed connection: bytes go from one socket to another through a pipe and never enter the
// process.
//
// A pipe belongs to a direction only while it holds bytes that the receiver does not take; otherwise it is lent from
// the pool. So an idle connection costs two descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/forward/fd.hpp"

namespace unik::agent {

struct Pipe {
  Fd read;
  Fd write;
};

class PipePool {
 public:
  // Both ends invalid when the process is out of descriptors.
  Pipe take();
  // Only an empty pipe may come back: its bytes would go to a stranger.
  void give_back(Pipe pipe);

 private:
  static constexpr std::size_t kSpare = 64;
  std::vector<Pipe> spare_;
};

enum class Flow : std::uint8_t {
  kBlocked,     // until one of the sockets says otherwise
  kMore,        // the budget is used up, there may be more
  kEnded,       // the sender's end was passed on
  kReadFailed,  // the sender's connection is broken
  kRefused,     // the receiver takes no more; what it sends itself may still be read
};

class Direction {
 public:
  // Moves what it can. After kEnded or kRefused it stays so.
  Flow run(int from, int to, PipePool& pool);

  bool finished() const { return state_ != State::kOpen; }
  std::uint64_t bytes() const { return bytes_; }  // that reached the receiver
  bool holds() const { return held_ > 0; }        // what the receiver does not take yet

 private:
  enum class State : std::uint8_t { kOpen, kEnded, kRefused };

  void release(PipePool& pool);

  Pipe pipe_;
  std::size_t held_ = 0;  // bytes in the pipe
  State state_ = State::kOpen;
  bool sender_ended_ = false;
  std::uint64_t bytes_ = 0;
};

}  // namespace unik::agent
