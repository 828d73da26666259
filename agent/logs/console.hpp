// The console of one instance: what its VMs wrote, with times, within a bound, and nothing lost or doubled.
//
// QEMU appends to `DIR/console.log`, whether an agent is there or not. Those bytes are never copied: keeping them means
// to remember about them. `DIR/console.times` says when which bytes arrived, `DIR/console.runs` where each run of the
// instance begins and what of it is kept. Of each of the last two runs the last kRunBytes are kept, rounded up by at
// most kFreeStep; what is older is freed in place (fallocate, punch hole), which is safe while QEMU writes. So there is
// no offset whose loss could double a line, and a crash between any two writes changes nothing but how exact a time is.
//
// A line bears the time at which its first byte was noticed, at most kGather after it was written. Bytes that came while
// no agent was there bear the time of the last of them, an upper bound, and are marked late.
//
// Thread-safe. Owner: Consoles (consoles.hpp). Readers (reader.hpp) share it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"

namespace unik::agent {

inline constexpr Bytes kRunBytes = mebibytes(6);
inline constexpr Bytes kFreeStep = mebibytes(2);
// A reader that follows keeps what it has not read from being freed, up to this much of one console.
inline constexpr Bytes kReaderLag = mebibytes(256);
// Records in one file of times; there are at most two, and what is older than them is freed with its times.
inline constexpr std::uint64_t kTimesPerFile = 65'536;

struct ConsoleLimits {
  Bytes run_bytes = kRunBytes;
  Bytes free_step = kFreeStep;
  Bytes reader_lag = kReaderLag;
  std::uint64_t times_per_file = kTimesPerFile;
};

// Offsets count the bytes of console.log from its beginning.
struct ConsoleRun {
  std::uint32_t run = 0;
  std::uint64_t begin = 0;  // its first byte
  std::uint64_t kept = 0;   // from here on its bytes are still there

  bool operator==(const ConsoleRun&) const = default;
};

// The bytes before `end`, and after the end of the mark before, came at `at`.
struct TimeMark {
  std::uint64_t end = 0;
  WallTime at{};
  bool late = false;  // came while nobody watched: at `at` or earlier

  bool operator==(const TimeMark&) const = default;
};

std::string console_path(const std::string& directory);

class Console {
 public:
  // Takes up what is in `directory` and creates what is missing. `now` is the time of the call.
  static Result<std::shared_ptr<Console>> open(const std::string& directory, WallTime now, ConsoleLimits limits = {});

  // To be called before QEMU is started for `run`: what follows belongs to it. A run that is no newer than the last one
  // is ignored, so that it may be called again.
  Result<void> begin_run(std::uint32_t run, WallTime now);

  // Notices what QEMU has written since the last time, and frees what is too old. Says whether there was anything new.
  // On an error of the disk the bytes stay and only their time is less exact.
  Result<bool> notice(WallTime now);

  // Nothing more will come; readers that follow end once they have read everything.
  void finish();

  // Called after each notice() that found something and after finish(), from the thread that called these; it must not
  // call back into the Console. Returns a number for unsubscribe.
  std::uint64_t subscribe(std::function<void()> changed);
  void unsubscribe(std::uint64_t subscription);

 private:
  friend class ConsoleReader;
  class Times;

  explicit Console(std::string directory, ConsoleLimits limits);
  Result<void> load(WallTime now);
  Result<bool> notice_locked(WallTime now, bool late);
  Result<void> save_runs() const;
  void free_old();
  std::uint64_t free_before(const ConsoleRun& run, std::uint64_t end) const;
  std::uint64_t line_start_after(std::uint64_t offset, std::uint64_t end) const;
  void punch(std::uint64_t begin, std::uint64_t end) const;
  void tell();

  const std::string directory_;
  const ConsoleLimits limits_;
  Fd log_;  // for reading and freeing; never written

  mutable std::mutex mutex_;
  std::unique_ptr<Times> times_;
  std::uint64_t end_ = 0;         // noticed up to here
  std::vector<ConsoleRun> runs_;  // one or two, the current one last
  bool finished_ = false;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> claims_;           // reader, the offset it has reached
  std::vector<std::pair<std::uint64_t, std::function<void()>>> changed_;  // subscription, callback
  std::uint64_t last_number_ = 0;
};

}  // namespace unik::agent
