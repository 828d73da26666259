#include "agent/forward/splice.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace unik::agent {
namespace {

constexpr std::size_t kPipeBytes = 64 << 10;  // what a pipe holds by default
constexpr int kMovesPerRun = 16;              // then others have their turn

}  // namespace

Pipe PipePool::take() {
  if (!spare_.empty()) {
    Pipe pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
  return {Fd(ends[0]), Fd(ends[1])};
}

void PipePool::give_back(Pipe pipe) {
  if (spare_.size() < kSpare) spare_.push_back(std::move(pipe));
}

void Direction::release(PipePool& pool) {
  if (pipe_.read && held_ == 0) pool.give_back(std::move(pipe_));
  pipe_ = {};
}

Flow Direction::run(int from, int to, PipePool& pool) {
  constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  if (state_ == State::kEnded) return Flow::kEnded;
  if (state_ == State::kRefused) return Flow::kRefused;
  for (int moves = 0; moves < kMovesPerRun;) {
    if (held_ == 0 && !sender_ended_) {
      if (!pipe_.read) pipe_ = pool.take();
      if (!pipe_.read) return Flow::kReadFailed;
      const ssize_t got = ::splice(from, nullptr, pipe_.write.get(), nullptr, kPipeBytes, kFlags);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        const bool blocked = errno == EAGAIN;
        release(pool);
        return blocked ? Flow::kBlocked : Flow::kReadFailed;
      }
      held_ = static_cast<std::size_t>(got);
      sender_ended_ = got == 0;
    }
    if (held_ == 0) {
      release(pool);
      ::shutdown(to, SHUT_WR);
      state_ = State::kEnded;
      return Flow::kEnded;
    }
    const ssize_t sent = ::splice(pipe_.read.get(), nullptr, to, nullptr, held_, kFlags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Flow::kBlocked;
    if (sent <= 0) {
      release(pool);
      state_ = State::kRefused;
      return Flow::kRefused;
    }
    held_ -= static_cast<std::size_t>(sent);
    bytes_ += static_cast<std::uint64_t>(sent);
    ++moves;
  }
  if (held_ == 0) release(pool);
  return Flow::kMore;
}

}  // namespace unik::agent
