// Turns the console stream of the API into what the user sees, over any number of reconnects. Pure.
//
// What comes in was asked for with prefix=1 and timestamps=1: `web-0-r42-1 | 2026-11-22T18:51:13.004Z text`. A `~`
// after the Z marks a time that is only an upper bound. A line of another form is shown as it is.
//
// After `reconnected`, the stream begins again at `resume_since`, so that lines come twice; those that were shown are
// left out: by instance, what is older than its last line, and as many of that very millisecond as were shown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/time.hpp"

namespace unik::cli {

struct LogFormat {
  bool prefix = false;      // show the instance; without it, from the first line of a second instance on
  bool timestamps = false;  // show the time
  bool colour = false;

  bool operator==(const LogFormat&) const = default;
};

class LogLines {
 public:
  static constexpr std::size_t kMaxHeldBytes = std::size_t{1} << 20;  // of a line without end

  explicit LogLines(LogFormat format) : format_(format) {}

  // What to write for the whole lines that are there now.
  std::string feed(std::string_view chunk);

  // The last line, where it had no end.
  std::string finish();

  // Where a new stream must begin; empty before the first line.
  std::optional<WallTime> resume_since() const;
  // From now on a new stream is fed. Half a line of the old one is forgotten: it comes again.
  void reconnected();

 private:
  struct Seen {
    std::string time;         // of the last line, as text: it orders like the time
    std::uint64_t count = 0;  // lines of that very time
    std::string skip_until;   // of a stream that began again
    std::uint64_t skip_count = 0;
  };

  void take_line(std::string_view line, std::string& out);
  bool is_shown_already(Seen& seen, std::string_view time);

  LogFormat format_;
  std::string held_;
  bool inside_line_ = false;  // the beginning of an overlong line was written
  std::map<std::string, Seen, std::less<>> instances_;
};

}  // namespace unik::cli
