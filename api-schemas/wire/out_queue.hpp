// Bytes on their way to a socket: small pieces are joined, large ones are moved in and never copied.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace unik::wire {

class OutQueue {
 public:
  static constexpr std::size_t kVectors = 16;         // of one write
  static constexpr std::size_t kJoinBytes = 8 << 10;  // pieces up to this size are copied behind the one before

  void push(std::string piece) {
    if (piece.empty()) return;
    bytes_ += piece.size();
    const bool join = first_ < pieces_.size() && piece.size() + pieces_.back().size() <= kJoinBytes;
    if (join)
      pieces_.back() += piece;
    else
      pieces_.push_back(std::move(piece));
  }

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  // The front of the queue, for one writev. Valid until the next call that is not const.
  std::size_t vectors(std::array<iovec, kVectors>& out) const {
    std::size_t count = 0;
    for (std::size_t i = first_; i < pieces_.size() && count < kVectors; ++i) {
      const std::size_t skip = i == first_ ? offset_ : 0;
      // writev only reads, but its interface has no const.
      out[count++] = {const_cast<char*>(pieces_[i].data()) + skip, pieces_[i].size() - skip};
    }
    return count;
  }

  // At most `bytes()`.
  void pop(std::size_t bytes) {
    bytes_ -= bytes;
    offset_ += bytes;
    while (first_ < pieces_.size() && offset_ >= pieces_[first_].size()) {
      offset_ -= pieces_[first_].size();
      std::string().swap(pieces_[first_++]);
    }
    if (first_ == pieces_.size()) *this = OutQueue();  // an idle connection keeps no memory
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t first_ = 0;
  std::size_t offset_ = 0;  // into the first piece
  std::size_t bytes_ = 0;
};

}  // namespace unik::wire
