// Reads one console as a LogQuery asks: bit by bit and without waiting, so that a slow receiver holds nothing up.
//
// Carriage returns before a line feed are left out, every other byte is given as it is. A line may have any length,
// since nobody holds a whole one. `since` begins at the first line that is not older (of late lines the upper bound
// counts), `tail` at the last lines of all, whichever is later. Without `follow` it ends where the console ended when
// it was opened. With it, it goes on through restarts in place until the instance is forgotten; a previous run ends at
// its end. A reader that falls more than ConsoleLimits::reader_lag behind loses bytes, and is told so in a line of its
// own.
//
// With `timestamps` each line begins with its time and a space, `2026-11-22T18:51:13.004Z `. A `~` after the Z marks a
// late line: it came at that time or before.
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/logs/console.hpp"
#include "api/messages.hpp"

namespace unik::agent {

struct LogChunk {
  enum class Kind : std::uint8_t {
    kData,  // `data`, not empty, good until the next read
    kWait,  // nothing now; ask again when the console has changed
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string_view data;
};

class ConsoleReader {
 public:
  // `not_found`/`no_such_run` when there is no previous run.
  static Result<ConsoleReader> open(std::shared_ptr<Console> console, const LogQuery& query, WallTime now);
  ~ConsoleReader();
  ConsoleReader(ConsoleReader&&) noexcept;
  ConsoleReader& operator=(ConsoleReader&&) noexcept;

  // At most `max_bytes`, which is not 0. An error of the disk ends the stream.
  Result<LogChunk> read(std::size_t max_bytes);

  const std::shared_ptr<Console>& console() const;

 private:
  class State;
  explicit ConsoleReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
