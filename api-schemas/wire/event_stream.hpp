// Server-sent events (`text/event-stream`): what a stream of events looks like on the wire, and how it is read again.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::wire {

inline constexpr std::string_view kEventStreamType = "text/event-stream";

struct StreamEvent {
  std::string id;     // the journal sequence here; a client resumes with it as `Last-Event-ID`
  std::string event;  // empty means `message`
  std::string data;   // may hold newlines; CR and CRLF are read back as LF

  bool operator==(const StreamEvent&) const = default;
};

// One event, ready to be written. Line breaks inside `id` and `event` would end them, so they become spaces.
std::string format_event(const StreamEvent& event);

// Reads a stream as it arrives, in pieces of any size. Not thread-safe.
class EventParser {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
  static constexpr std::size_t kMaxEventBytes = std::size_t{4} << 20;  // of one event's data

  // The events that `chunk` completed, in order. An event without data is dropped, as the standard says. Errors:
  // `invalid`/`event_too_large` beyond a bound; the parser then stays failed.
  Result<std::vector<StreamEvent>> feed(std::string_view chunk);

  // Of the last event that had one, over the whole stream.
  const std::string& last_id() const { return last_id_; }

 private:
  void take_line(std::string_view line, std::vector<StreamEvent>& out);

  std::string line_;
  StreamEvent event_;
  std::string last_id_;
  bool has_data_ = false;
  bool skip_lf_ = false;  // the line before ended in CR
  bool at_start_ = true;  // a byte order mark may stand here
  bool failed_ = false;
};

}  // namespace unik::wire
