// Turns the console stream of the API into what the user sees, over any number of reconnects. Pure.
//
// What comes in was asked for with prefix=1 and timestamps=1: `web-0-r42-1 | 2026-11-22T18:51:13.004Z text`. A `~`
// after the Z marks a time that is only an upper bound. A line that another console broke into goes on after
// `web-0-r42-1 |> `. A line of another form is shown as it is.
//
// What is there of a line is shown before its end has come: it may be a prompt. After `reconnected`, the stream begins
// again at `resume_since`, so that lines come twice; what was shown is left out: by instance, what is older than its
// last line, as many of that very millisecond as were shown, and of the last one, if it had no end yet, as many bytes.
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
  static constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 10;  // of a line of which not even the time has come

  explicit LogLines(LogFormat format) : format_(format) {}

  // What to write now.
  std::string feed(std::string_view chunk);

  // The end of a last line that had none.
  std::string finish();

  // Where a new stream must begin; empty before the first line.
  std::optional<WallTime> resume_since() const;
  // From now on a new stream is fed.
  void reconnected();

 private:
  struct Seen {
    std::string time;         // of the last line, as text: it orders like the time
    std::uint64_t count = 0;  // lines of that very time
    bool open = false;        // the last line had no end yet
    std::uint64_t bytes = 0;  // shown of the last line
    std::string skip_until;   // of a stream that began again
    std::uint64_t skip_count = 0;
    std::uint64_t skip_bytes = 0;  // of the line that comes now
    bool skipping = false;         // the line that comes now
  };

  void begin_line(std::string_view line, std::string& out);
  void go_on(std::string_view text, std::string& out);
  void end_line(std::string& out);
  bool is_shown_already(Seen& seen, std::string_view time);
  void show(std::string_view instance, std::string_view stamp, std::string_view text, std::string& out);

  LogFormat format_;
  std::string held_;           // of a line whose beginning is not whole
  bool inside_line_ = false;   // the beginning of the line that comes was dealt with
  Seen* current_ = nullptr;    // whose line it is; null: of another form
  Seen* on_screen_ = nullptr;  // whose line the last one on the screen is, if it has no end
  std::map<std::string, Seen, std::less<>> instances_;
};

}  // namespace unik::cli
