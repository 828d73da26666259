#include "cli/moments.hpp"

#include "wire/clock.hpp"

namespace unik::cli {

Result<WallTime> parse_moment(const std::string& flag, const std::string& text) {
  if (const auto ago = parse_duration(text)) return wire::read_clock().wall - *ago;
  if (const auto time = parse_wall_time(text)) return *time;
  return invalid("bad_" + flag, "want a duration such as 5m or a UTC time such as 2026-11-22T18:51:13Z for --" + flag +
                                    ", got `" + text + "`");
}

}  // namespace unik::cli
