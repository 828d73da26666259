#include "cli/log_lines.hpp"

#include <algorithm>
#include <utility>

#include "cli/output/colour.hpp"

namespace unik::cli {
namespace {

constexpr std::string_view kBar = " | ";
constexpr std::string_view kAgainBar = " |> ";
constexpr std::size_t kTimeWidth = 24;  // 2026-11-22T18:51:13.004Z

bool is_time(std::string_view text) {
  return text.size() == kTimeWidth && text[4] == '-' && text[10] == 'T' && text.back() == 'Z';
}

struct Parts {
  std::string_view instance;
  std::string_view time;   // without the mark; empty: a line that goes on
  std::string_view stamp;  // with it
  std::string_view text;
};

// Nothing for a line of another form.
std::optional<Parts> split(std::string_view line) {
  const std::size_t bar = line.find(" |");
  if (bar == std::string_view::npos) return std::nullopt;
  Parts parts;
  parts.instance = line.substr(0, bar);
  std::string_view rest = line.substr(bar);
  if (rest.starts_with(kAgainBar)) {
    parts.text = rest.substr(kAgainBar.size());
    return parts;
  }
  if (!rest.starts_with(kBar)) return std::nullopt;
  rest.remove_prefix(kBar.size());
  parts.time = rest.substr(0, kTimeWidth);
  if (!is_time(parts.time)) return std::nullopt;
  const std::size_t marked = kTimeWidth + (rest.size() > kTimeWidth && rest[kTimeWidth] == '~' ? 1 : 0);
  parts.stamp = rest.substr(0, marked);
  rest.remove_prefix(marked);
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  parts.text = rest;
  return parts;
}

// Whether all that stands before the text has come.
bool has_its_head(std::string_view line) {
  const std::size_t bar = line.find(" |");
  if (bar == std::string_view::npos) return false;
  if (line.substr(bar).starts_with(kAgainBar)) return true;
  return line.find(' ', bar + kBar.size()) != std::string_view::npos;
}

}  // namespace

bool LogLines::is_shown_already(Seen& seen, std::string_view time) {
  if (seen.skip_until.empty() || time > seen.skip_until) {
    seen.skip_until.clear();
    return false;
  }
  if (time < seen.skip_until) return true;
  if (seen.skip_count == 0) return false;
  --seen.skip_count;
  return true;
}

// The text of a line of `current_`, after its name and time where they are wanted.
void LogLines::show(std::string_view instance, std::string_view stamp, std::string_view text, std::string& out) {
  if (on_screen_ != nullptr) out += '\n';
  on_screen_ = nullptr;
  // A follower of one instance may see another come: by replicas, or by a rollout.
  if (format_.prefix || instances_.size() > 1) {
    out += paint(instance, colour_of_name(instance), format_.colour);
    out += kBar;
  }
  if (format_.timestamps && !stamp.empty()) {
    out += paint(stamp, Colour::kDim, format_.colour);
    out += ' ';
  }
  on_screen_ = current_;
  go_on(text, out);
}

void LogLines::begin_line(std::string_view line, std::string& out) {
  const auto parts = split(line);
  current_ = nullptr;
  if (!parts) {
    if (std::exchange(on_screen_, nullptr) != nullptr) out += '\n';
    out.append(line);
    return;
  }
  auto found = instances_.find(parts->instance);
  if (found == instances_.end()) found = instances_.emplace(std::string(parts->instance), Seen{}).first;
  Seen& seen = found->second;
  current_ = &seen;
  bool goes_on = parts->time.empty();
  if (!goes_on) {
    seen.skipping = is_shown_already(seen, parts->time);
    goes_on = seen.skipping && seen.open && seen.skip_count == 0 && parts->time == seen.skip_until;
    if (goes_on) {
      seen.skipping = false;
      seen.skip_bytes = seen.bytes;
    } else if (!seen.skipping) {
      seen.count = seen.time == parts->time ? seen.count + 1 : 1;
      seen.time = parts->time;
      seen.open = true;
      seen.bytes = 0;
    }
  }
  if (seen.skipping) return;
  // Where its beginning stands it needs no name.
  if (on_screen_ == &seen && goes_on) return go_on(parts->text, out);
  show(parts->instance, parts->stamp, parts->text, out);
}

void LogLines::go_on(std::string_view text, std::string& out) {
  if (current_ == nullptr) {
    out += text;
    return;
  }
  if (current_->skipping) return;
  const std::uint64_t shown = std::min<std::uint64_t>(current_->skip_bytes, text.size());
  current_->skip_bytes -= shown;
  text.remove_prefix(shown);
  current_->bytes += text.size();
  out += text;
}

void LogLines::end_line(std::string& out) {
  inside_line_ = false;
  if (current_ != nullptr) {
    if (current_->skipping) return;
    current_->open = false;
    current_->skip_bytes = 0;
  }
  out += '\n';
  on_screen_ = nullptr;
}

std::string LogLines::feed(std::string_view chunk) {
  std::string out;
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const std::string_view piece = chunk.substr(0, end);
    if (inside_line_) {
      go_on(piece, out);
    } else if (held_.empty() && end != std::string_view::npos) {
      begin_line(piece, out);
    } else {
      held_ += piece;
      if (end != std::string_view::npos || has_its_head(held_) || held_.size() > kMaxHeldBytes) {
        begin_line(std::exchange(held_, {}), out);
        inside_line_ = true;
      }
    }
    if (end == std::string_view::npos) break;
    end_line(out);
    chunk.remove_prefix(end + 1);
  }
  return out;
}

std::string LogLines::finish() {
  std::string out;
  if (!held_.empty()) {
    begin_line(std::exchange(held_, {}), out);
    inside_line_ = true;
  }
  const bool skips = current_ != nullptr && current_->skipping;
  if (inside_line_ && !skips)
    end_line(out);
  else if (std::exchange(on_screen_, nullptr) != nullptr)
    out += '\n';
  inside_line_ = false;
  return out;
}

std::optional<WallTime> LogLines::resume_since() const {
  std::string first;
  for (const auto& [name, seen] : instances_)
    if (!seen.time.empty() && (first.empty() || seen.time < first)) first = seen.time;
  if (first.empty()) return std::nullopt;
  const auto time = parse_wall_time(first);
  return time ? std::optional<WallTime>(*time) : std::nullopt;
}

void LogLines::reconnected() {
  held_.clear();
  inside_line_ = false;
  current_ = nullptr;
  for (auto& [name, seen] : instances_) {
    seen.skip_until = seen.time;
    seen.skip_count = seen.count;
    seen.skip_bytes = 0;
    seen.skipping = false;
  }
}

}  // namespace unik::cli
