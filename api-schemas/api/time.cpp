#include "api/time.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "api/ascii.hpp"

namespace unik {
namespace {

constexpr Duration kLongest = std::chrono::hours(24 * 365 * 10);

// Longer suffixes first where one ends with another.
constexpr std::array<std::pair<std::string_view, Duration>, 5> kUnits = {{
    {"h", std::chrono::hours(1)},
    {"ms", std::chrono::milliseconds(1)},
    {"m", std::chrono::minutes(1)},
    {"us", std::chrono::microseconds(1)},
    {"s", std::chrono::seconds(1)},
}};

// In the order in which a duration is written.
constexpr std::array<std::pair<std::string_view, Duration>, 5> kWritten = {{
    {"h", std::chrono::hours(1)},
    {"m", std::chrono::minutes(1)},
    {"s", std::chrono::seconds(1)},
    {"ms", std::chrono::milliseconds(1)},
    {"us", std::chrono::microseconds(1)},
}};

// Takes exactly `width` digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string format_wall_time(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - days));
  std::array<char, 48> text;
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return std::string(text.data(), static_cast<std::size_t>(length));
}

Result<WallTime> parse_wall_time(std::string_view text) {
  const Error bad =
      invalid("bad_time", "want a UTC time such as 2026-11-22T18:51:13.004Z, got `" + std::string(text) + "`");
  std::string_view rest = text;
  const auto year = take_digits(rest, 4);
  if (!year || !take(rest, '-')) return bad;
  const auto month = take_digits(rest, 2);
  if (!month || !take(rest, '-')) return bad;
  const auto day = take_digits(rest, 2);
  if (!day || !take(rest, 'T')) return bad;
  const auto hour = take_digits(rest, 2);
  if (!hour || !take(rest, ':')) return bad;
  const auto minute = take_digits(rest, 2);
  if (!minute || !take(rest, ':')) return bad;
  const auto second = take_digits(rest, 2);
  if (!second) return bad;
  std::int64_t micros = 0;
  if (take(rest, '.')) {
    std::int64_t scale = 100'000;
    while (!rest.empty() && is_digit(rest.front()) && scale > 0) {
      micros += (rest.front() - '0') * scale;
      scale /= 10;
      rest.remove_prefix(1);
    }
  }
  if (rest != "Z") return bad;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return bad;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + Duration(micros);
}

std::string format_duration(Duration duration) {
  std::string text;
  for (const auto& [suffix, unit] : kWritten) {
    const auto count = duration / unit;
    if (count == 0) continue;
    text += std::to_string(count) + std::string(suffix);
    duration -= count * unit;
  }
  return text.empty() ? "0s" : text;
}

Result<Duration> parse_duration(std::string_view text) {
  const Error bad =
      invalid("bad_duration", "want a duration such as 5s, 250ms or 1h30m, got `" + std::string(text) + "`");
  const Error too_long = invalid("duration_too_long", "want a duration of at most " + format_duration(kLongest) +
                                                          ", got `" + std::string(text) + "`");
  if (text.empty()) return bad;
  Duration total{};
  std::string_view rest = text;
  while (!rest.empty()) {
    std::int64_t number = 0;
    if (!is_digit(rest.front())) return bad;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc()) return bad;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    Duration unit{};
    for (const auto& [suffix, length] : kUnits) {
      if (!rest.starts_with(suffix)) continue;
      rest.remove_prefix(suffix.size());
      unit = length;
      break;
    }
    if (unit == Duration::zero()) return bad;
    if (number > kLongest / unit) return too_long;
    total += number * unit;
    if (total > kLongest) return too_long;
  }
  return total;
}

std::string format_age(Duration age) {
  using std::chrono::duration_cast;
  const auto seconds = duration_cast<std::chrono::seconds>(age).count();
  if (seconds < 0) return "0s";
  if (seconds < 120) return std::to_string(seconds) + 's';
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + 'm';
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + 'h';
  return std::to_string(seconds / 86400) + 'd';
}

}  // namespace unik
