// The console of one instance: what its VMs wrote, with times, within a bound, and nothing lost or doubled.
//
// QEMU appends to `DIR/console.log`, whether an agent is there or not. Those bytes are never copied: to keep them means
// to remember about them. `DIR/console.times` says when which bytes arrived (times.hpp), `DIR/console.runs` where each
// run of the instance begins and what of it is kept. Of each of the last two runs the last kRunBytes are kept, rounded
// up by at most kFreeStep; what is older is freed in place (fallocate, punch hole), which is safe while QEMU writes. So
// there is no copy that a crash could leave half done: a crash between any two writes changes nothing but how exact a
// time is.
//
// A line bears the time at which its first byte was noticed, within kGather (consoles.hpp) of its writing. Bytes that
// came while no agent was there bear the time of the last of them, an upper bound, and are marked late.
//
// Thread-safe. Owner: Consoles. Readers (reader.hpp) share it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/logs/times.hpp"
#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"

namespace unik::agent {

inline constexpr Bytes kRunBytes = mebibytes(6);
inline constexpr Bytes kFreeStep = mebibytes(2);
// A reader keeps what it has not read yet from being freed, up to this much of one console.
inline constexpr Bytes kReaderLag = mebibytes(256);
// In one file of times; there are two at most, and bytes older than all of their times are freed.
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

// `DIR/console.log`: where QEMU has to append.
std::string console_path(const std::string& directory);

class Console {
 public:
  // Takes up what is in `directory` and creates what is missing; `now` is the time of the call.
  static Result<std::shared_ptr<Console>> open(const std::string& directory, WallTime now, ConsoleLimits limits = {});

  // To be called before QEMU is started for `run`: what follows belongs to it. A run that is no newer than the last one
  // is ignored, so that it may be called again.
  Result<void> begin_run(std::uint32_t run, WallTime now);

  // Notices what QEMU has written since the last time, and frees what is too old. Says whether there was anything new.
  // On an error of the disk the bytes stay, and only their time is less exact.
  Result<bool> notice(WallTime now);

  // Nothing more will come: readers that follow end once they have read everything.
  void finish();

  // `changed` is called after each notice() that found something and after finish(), from the thread that called these;
  // it must not call back into the Console. Returns a number for unsubscribe, after which it is not called any more.
  std::uint64_t subscribe(std::function<void()> changed);
  void unsubscribe(std::uint64_t subscription);

  // The runs of which something may be kept, oldest first: one or two.
  std::vector<ConsoleRun> runs() const;

 private:
  friend class ConsoleReader;

  Console(std::string directory, ConsoleLimits limits) : directory_(std::move(directory)), limits_(limits) {}

  Result<void> load(WallTime now);
  Result<bool> notice_locked(WallTime now, bool late);
  Result<void> save_runs(const std::vector<ConsoleRun>& runs) const;
  void free_old();
  void punch(const std::vector<ConsoleRun>& runs) const;
  std::uint64_t line_before(std::uint64_t offset) const;
  std::uint64_t kept_from(std::uint64_t offset) const;
  void tell();

  const std::string directory_;
  const ConsoleLimits limits_;
  Fd log_;

  mutable std::mutex mutex_;
  TimeMarks times_;
  std::uint64_t end_ = 0;  // noticed up to here,
  WallTime noticed_at_{};  // and when
  std::vector<ConsoleRun> runs_;
  bool finished_ = false;
  std::uint64_t last_reader_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> readers_;  // number, the offset that it has reached

  std::mutex changed_mutex_;
  std::uint64_t last_subscription_ = 0;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> changed_;
};

}  // namespace unik::agent
