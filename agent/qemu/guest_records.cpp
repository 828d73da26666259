#include "agent/qemu/guest_records.hpp"

#include <algorithm>
#include <charconv>

#include "api/guest.h"

namespace unik::agent {
namespace {

constexpr std::int32_t kMaxExitCode = 255;
constexpr std::int32_t kMaxSignal = 64;

std::optional<std::int32_t> number_in(std::string_view text, std::int32_t least, std::int32_t most) {
  std::int32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

// A guest's words end up on terminals and in logs.
std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean)
    if (c < 0x20 || c > 0x7e) c = '?';
  return clean;
}

}  // namespace

bool GuestRecordParser::feed(std::string_view bytes) {
  const GuestRecords before = records_;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (!too_long_) line_.append(bytes.substr(0, std::min<std::size_t>(end, UNIK_GUEST_RECORD_BYTES_MAX + 1)));
    if (line_.size() > UNIK_GUEST_RECORD_BYTES_MAX) {
      too_long_ = true;
      line_.clear();
    }
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    if (!too_long_) take_line(line_);
    too_long_ = false;
    line_.clear();
  }
  return records_ != before;
}

void GuestRecordParser::take_line(std::string_view line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  const std::string_view rest = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  const bool open = !records_.exit && records_.init_error.empty();  // nothing counts after a last record
  if (!open) return;
  if (word == UNIK_GUEST_RECORD_BOOT) {
    records_.booted = true;
  } else if (word == UNIK_GUEST_RECORD_STARTED) {
    records_.started = true;
  } else if (word == UNIK_GUEST_RECORD_NOT_STARTED) {
    records_.not_started = rest.empty() ? "no reason given" : printable(rest);
  } else if (word == UNIK_GUEST_RECORD_EXIT) {
    if (const auto code = number_in(rest, 0, kMaxExitCode)) records_.exit = Exit{ExitKind::kExited, *code};
  } else if (word == UNIK_GUEST_RECORD_SIGNAL) {
    if (const auto number = number_in(rest, 1, kMaxSignal)) records_.exit = Exit{ExitKind::kSignaled, *number};
  } else if (word == UNIK_GUEST_RECORD_OOM) {
    records_.exit = Exit{ExitKind::kOutOfMemory, 0};
  } else if (word == UNIK_GUEST_RECORD_INIT_ERROR) {
    records_.init_error = rest.empty() ? "no reason given" : printable(rest);
  }
}

}  // namespace unik::agent
