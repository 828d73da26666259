#include "cli/log_lines.hpp"

#include <utility>

#include "cli/output/colour.hpp"

namespace unik::cli {
namespace {

constexpr std::string_view kBar = " | ";
constexpr std::size_t kTimeWidth = 24;  // 2026-11-22T18:51:13.004Z

bool is_time(std::string_view text) {
  return text.size() == kTimeWidth && text[4] == '-' && text[10] == 'T' && text.back() == 'Z';
}

struct Parts {
  std::string_view instance;
  std::string_view time;   // without the mark
  std::string_view stamp;  // with it
  std::string_view text;
};

std::optional<Parts> split(std::string_view line) {
  const std::size_t bar = line.find(kBar);
  if (bar == std::string_view::npos) return std::nullopt;
  Parts parts;
  parts.instance = line.substr(0, bar);
  std::string_view rest = line.substr(bar + kBar.size());
  parts.time = rest.substr(0, kTimeWidth);
  if (!is_time(parts.time)) return std::nullopt;
  const std::size_t marked = kTimeWidth + (rest.size() > kTimeWidth && rest[kTimeWidth] == '~' ? 1 : 0);
  parts.stamp = rest.substr(0, marked);
  rest.remove_prefix(marked);
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  parts.text = rest;
  return parts;
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

void LogLines::take_line(std::string_view line, std::string& out) {
  const auto parts = split(line);
  if (!parts) {
    out.append(line).push_back('\n');
    return;
  }
  auto found = instances_.find(parts->instance);
  if (found == instances_.end()) found = instances_.emplace(std::string(parts->instance), Seen{}).first;
  Seen& seen = found->second;
  if (is_shown_already(seen, parts->time)) return;
  if (seen.time == parts->time) {
    ++seen.count;
  } else {
    seen.time = parts->time;
    seen.count = 1;
  }
  // A follower of one instance may see another come: by replicas, or by a rollout.
  if (format_.prefix || instances_.size() > 1) {
    out += paint(parts->instance, colour_of_name(parts->instance), format_.colour);
    out += kBar;
  }
  if (format_.timestamps) {
    out += paint(parts->stamp, Colour::kDim, format_.colour);
    out += ' ';
  }
  out.append(parts->text).push_back('\n');
}

std::string LogLines::feed(std::string_view chunk) {
  std::string out;
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    if (end == std::string_view::npos) {
      held_ += chunk;
      break;
    }
    if (inside_line_) {
      out += held_;
      out += chunk.substr(0, end + 1);
      inside_line_ = false;
    } else if (held_.empty()) {
      take_line(chunk.substr(0, end), out);
    } else {
      held_ += chunk.substr(0, end);
      take_line(held_, out);
    }
    held_.clear();
    chunk.remove_prefix(end + 1);
  }
  if (held_.size() > kMaxHeldBytes) {
    std::string piece = std::exchange(held_, "");
    if (!inside_line_) {
      std::string line;
      take_line(piece, line);
      if (!line.empty()) line.pop_back();  // it goes on
      piece = line;
    }
    out += piece;
    inside_line_ = true;
  }
  return out;
}

std::string LogLines::finish() {
  std::string out;
  if (inside_line_)
    out = held_ + "\n";
  else if (!held_.empty())
    take_line(held_, out);
  held_.clear();
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
  for (auto& [name, seen] : instances_) {
    seen.skip_until = seen.time;
    seen.skip_count = seen.count;
  }
}

}  // namespace unik::cli
