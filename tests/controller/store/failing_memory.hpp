// SQLite's allocator, of which one request is told to fail. While it lives no connection of before may be open.
#pragma once

#include <cstdint>

namespace unik::controller {

class FailingMemory {
 public:
  FailingMemory();
  ~FailingMemory();
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  void count_anew();
  std::uint64_t count() const;
  // The `nth` request from now on finds no memory.
  void fail(std::uint64_t nth);
  void heal();
  bool struck() const;
};

}  // namespace unik::controller
