// The product's two clocks. Every function that needs one takes it as an argument; only the rims read a real clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik {

using Duration = std::chrono::microseconds;

// Time since boot, suspends included (CLOCK_BOOTTIME). All waiting, leases and timeouts are counted in it. It means
// nothing on another host or after a reboot: it is never stored and never sent.
struct BootClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using Time = BootClock::time_point;

// Calendar time in UTC. Shown, journaled and logged; never compared to decide anything, since it may jump.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// What the rim reads once for each turn of a loop.
struct Now {
  Time boot;
  WallTime wall;

  bool operator==(const Now&) const = default;
};

// `2026-11-22T18:51:13.004Z`, millisecond precision; the epoch prints as such, not as empty.
std::string format_wall_time(WallTime time);

// Accepts what `format_wall_time` prints, with 0 to 6 digits of fraction.
Result<WallTime> parse_wall_time(std::string_view text);

// `1h30m`, `250ms`, `0s`: the shortest exact form in h, m, s, ms, us.
std::string format_duration(Duration duration);

// The reverse; a number without a unit or a sign is refused (`bad_duration`), and more than 10 years
// (`duration_too_long`).
Result<Duration> parse_duration(std::string_view text);

// For ages in tables: `4s`, `12m`, `3h`, `9d`.
std::string format_age(Duration age);

}  // namespace unik
