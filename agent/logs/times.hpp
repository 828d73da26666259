// When which bytes of a console arrived, on disk: `DIR/console.times` and, before it, `DIR/console.times.old`.
//
// Each record is 16 bytes, little endian: the offset before which the bytes had come, and the time in microseconds
// since 1970, shifted left by one, with the lowest bit for `late`. The first record of a file repeats the last one of
// the file before it: there its knowledge begins. A record that was torn by a crash is cut off when the file is opened.
// Not thread-safe: Console guards it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::agent {

// The bytes before `end`, and after the end of the mark before, came at `at`.
struct TimeMark {
  std::uint64_t end = 0;
  WallTime at{};
  bool late = false;  // came while nobody watched: at `at` or earlier

  bool operator==(const TimeMark&) const = default;
};

class TimeMarks {
 public:
  // Takes up the files of `directory`; new ones begin with `base`, also when a mark of the old ones is beyond `size`,
  // the console's own.
  Result<void> open(const std::string& directory, std::uint64_t per_file, std::uint64_t size, TimeMark base);

  // At or after which offset every byte has a time.
  std::uint64_t begin() const { return begin_; }
  const TimeMark& last() const { return last_; }

  // `mark.end` is beyond that of last(). On an error nothing is remembered, and the next mark speaks for these bytes
  // too.
  Result<void> append(const TimeMark& mark);

  // The mark that the byte at `offset` belongs to and those after it, at most `count`; none beyond last().
  std::vector<TimeMark> from(std::uint64_t offset, std::size_t count) const;

 private:
  Result<void> start_file(const TimeMark& base);

  std::string path_;
  std::uint64_t per_file_ = 0;
  Fd file_;
  std::uint64_t records_ = 0;  // in the current file, the first one included
  std::uint64_t begin_ = 0;
  TimeMark last_;
};

}  // namespace unik::agent
