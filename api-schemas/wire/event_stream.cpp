#include "wire/event_stream.hpp"

#include <algorithm>
#include <utility>

namespace unik::wire {
namespace {

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return text;
}

// `data: ` before each line; CR, LF and CRLF all end one.
void append_data(std::string& out, std::string_view data) {
  while (true) {
    const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == data.size()) return;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

}  // namespace

std::string format_event(const StreamEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.id.size() + event.event.size() + 32);
  if (!event.id.empty()) out += "id: " + one_line(event.id) + "\n";
  if (!event.event.empty()) out += "event: " + one_line(event.event) + "\n";
  append_data(out, event.data);
  out += '\n';
  return out;
}

Result<std::vector<StreamEvent>> EventParser::feed(std::string_view chunk) {
  std::vector<StreamEvent> events;
  const auto fail = [&](std::string message) {
    failed_ = true;
    return invalid("event_too_large", std::move(message));
  };
  if (failed_) return fail("the event stream failed before");
  while (!chunk.empty()) {
    if (std::exchange(skip_lf_, false) && chunk.front() == '\n') {
      chunk.remove_prefix(1);
      continue;
    }
    const std::size_t end = std::min(chunk.find_first_of("\r\n"), chunk.size());
    if (line_.size() + end > kMaxLineBytes) return fail("event stream: want lines of at most 1 MiB");
    line_ += chunk.substr(0, end);
    if (end == chunk.size()) break;
    skip_lf_ = chunk[end] == '\r';
    chunk.remove_prefix(end + 1);
    if (event_.data.size() + line_.size() > kMaxEventBytes) return fail("event stream: want events of at most 4 MiB");
    take_line(line_, events);
    line_.clear();
  }
  return events;
}

void EventParser::take_line(std::string_view line, std::vector<StreamEvent>& out) {
  if (std::exchange(at_start_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (line.empty()) {
    if (has_data_) {
      event_.id = last_id_;
      out.push_back(std::move(event_));
    }
    event_ = {};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

}  // namespace unik::wire
