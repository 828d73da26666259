#include "agent/logs/reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;  // taken from the file at once
constexpr std::size_t kMarksAtOnce = 1024;

}  // namespace

class ConsoleReader::State {
 public:
  State(std::shared_ptr<Console> console, const LogQuery& query)
      : console_(std::move(console)), query_(query), log_(console_->log_.get()) {}

  ~State() {
    std::vector<ConsoleRun> runs;
    {
      const std::lock_guard lock(console_->mutex_);
      std::erase_if(console_->readers_, [&](const auto& each) { return each.first == number_; });
      console_->free_old();
      runs = console_->runs_;
    }
    console_->punch(runs);  // what was held for this reader
  }

  Result<void> open() {
    const std::lock_guard lock(console_->mutex_);
    const std::vector<ConsoleRun>& runs = console_->runs_;
    const bool previous = query_.select == LogSelect::kPrevious;
    if (previous && runs.size() < 2)
      return not_found("no_such_run", "no run before this one is known: the instance has not been restarted");
    const ConsoleRun& run = previous ? runs.front() : runs.back();
    const std::uint64_t end = previous ? runs.back().begin : console_->end_;
    if (previous || !query_.follow) stop_ = end;
    offset_ = run.kept;
    if (query_.since) start_since(*query_.since, end);
    if (query_.tail) start_tail(*query_.tail, run.kept, end);
    number_ = ++console_->last_reader_;
    console_->readers_.emplace_back(number_, offset_);
    return {};
  }

  Result<LogChunk> read(std::size_t max_bytes) {
    while (ready_.empty()) {
      Result<LogChunk::Kind> filled = fill();
      if (!filled) return std::move(filled).error();
      if (*filled != LogChunk::Kind::kData) return LogChunk{*filled, {}};
    }
    const std::string_view data = ready_.substr(0, max_bytes);
    ready_.remove_prefix(data.size());
    return LogChunk{LogChunk::Kind::kData, data};
  }

  const std::shared_ptr<Console>& console() const { return console_; }

 private:
  struct Window {
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    bool more = false;   // there are bytes after `end`
    bool final = false;  // and there never will be
    std::uint64_t lost = 0;
  };

  // The line in which the first mark begins that is not older.
  void start_since(WallTime since, std::uint64_t end) {
    std::uint64_t begin = offset_;
    while (begin < end) {
      const std::vector<TimeMark> marks = console_->times_.from(begin, kMarksAtOnce);
      if (marks.empty()) break;
      for (const TimeMark& mark : marks) {
        if (mark.at >= since) {
          skip_line_ = begin > offset_ && !line_begins(begin);
          offset_ = begin;
          return;
        }
        begin = std::min(mark.end, end);
      }
    }
    offset_ = end;
    skip_line_ = end > 0 && !line_begins(end);
  }

  bool line_begins(std::uint64_t offset) const {
    char before = 0;
    return ::pread(log_, &before, 1, static_cast<off_t>(offset - 1)) == 1 && before == '\n';
  }

  // Looks for the end of the line before the last `tail` ones, backwards.
  void start_tail(std::uint64_t tail, std::uint64_t begin, std::uint64_t end) {
    const auto start = [&]() -> std::uint64_t {
      if (tail == 0) return end;
      std::string block(kReadBytes, '\0');
      std::uint64_t missing = tail + 1;  // the end of the last line itself is one, if it is there
      if (end > begin && !line_begins(end)) --missing;
      for (std::uint64_t at = end; at > begin;) {
        const std::size_t size = std::min<std::uint64_t>(kReadBytes, at - begin);
        at -= size;
        if (::pread(log_, block.data(), size, static_cast<off_t>(at)) != static_cast<ssize_t>(size)) return begin;
        std::size_t left = size;
        while (const void* found = ::memrchr(block.data(), '\n', left)) {
          left = static_cast<std::size_t>(static_cast<const char*>(found) - block.data());
          if (--missing == 0) return at + left + 1;
        }
      }
      return begin;
    }();
    if (start > offset_) {
      offset_ = start;
      skip_line_ = false;
    }
  }

  // Where to read next; says that the reader has got this far.
  LogChunk::Kind find_window(Window& window) {
    const std::lock_guard lock(console_->mutex_);
    window.offset = console_->kept_from(offset_);
    for (auto& [number, reached] : console_->readers_)
      if (number == number_) reached = window.offset;
    const std::uint64_t end = stop_ ? *stop_ : console_->end_;
    window.lost = std::min(window.offset, end) - std::min(offset_, end);
    window.offset = std::min(window.offset, end);
    window.end = std::min(end, window.offset + kReadBytes);
    window.more = window.end < end;
    window.final = !window.more && (stop_ || console_->finished_);
    if (window.offset < end || window.lost > 0) return LogChunk::Kind::kData;
    return window.final ? LogChunk::Kind::kEnd : LogChunk::Kind::kWait;
  }

  bool still_there(std::uint64_t offset) const {
    const std::lock_guard lock(console_->mutex_);
    return console_->kept_from(offset) == offset;
  }

  // Makes `ready_` of the next bytes; it may stay empty where they are left out.
  Result<LogChunk::Kind> fill() {
    Window window;
    if (const LogChunk::Kind kind = find_window(window); kind != LogChunk::Kind::kData) return kind;
    const std::size_t size = window.end - window.offset;
    raw_.resize(kReadBytes);
    const ssize_t got = ::pread(log_, raw_.data(), size, static_cast<off_t>(window.offset));
    if (got != static_cast<ssize_t>(size))
      return internal("console_unreadable",
                      "the console is shorter than it was: " + describe_errno(got < 0 ? errno : EIO));
    // Freed while they were read, they may be zeros.
    if (size > 0 && !still_there(window.offset)) return LogChunk::Kind::kData;

    std::string_view bytes(raw_.data(), size);
    offset_ = window.offset;
    rendered_.clear();
    if (window.lost > 0) say_lost(window.lost);
    if (skip_line_) {
      const std::size_t end_of_line = bytes.find('\n');
      const std::size_t skipped = end_of_line == std::string_view::npos ? size : end_of_line + 1;
      skip_line_ = end_of_line == std::string_view::npos;
      bytes.remove_prefix(skipped);
      offset_ += skipped;
      if (bytes.empty()) return LogChunk::Kind::kData;
    }
    if (!query_.timestamps && rendered_.empty() && bytes.find('\r') == std::string_view::npos) {
      ready_ = bytes;
      offset_ += bytes.size();
      line_begins_ = bytes.back() == '\n';
      return LogChunk::Kind::kData;
    }
    const std::size_t taken = render(bytes, window.final);
    offset_ += taken;
    ready_ = rendered_;
    const bool waits = taken == 0 && ready_.empty() && !window.more;
    return waits ? LogChunk::Kind::kWait : LogChunk::Kind::kData;
  }

  // Appends the bytes to `rendered_`, line by line. Returns how many it has dealt with: carriage returns at the end are
  // left for later unless `final`, for the line feed may come yet.
  std::size_t render(std::string_view bytes, bool final) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const std::size_t end_of_line = bytes.find('\n', taken);
      const bool whole = end_of_line != std::string_view::npos;
      const std::string_view line = bytes.substr(taken, whole ? end_of_line - taken : std::string_view::npos);
      std::size_t text = line.size();
      while (text > 0 && line[text - 1] == '\r') --text;
      const std::size_t returns = line.size() - text;
      if (!whole && final) text = line.size();
      if (!whole && returns == kReadBytes) text = returns - 1;  // nothing else: it must go on
      if (line_begins_ && query_.timestamps && (whole || text > 0)) rendered_ += time_of(offset_ + taken);
      rendered_ += line.substr(0, text);
      if (whole || text > 0) line_begins_ = whole;
      if (!whole) return taken + text;
      rendered_ += '\n';
      taken += line.size() + 1;
    }
    return taken;
  }

  void say_lost(std::uint64_t lost) {
    if (!line_begins_) rendered_ += '\n';
    rendered_ +=
        "[unikctl: " + std::to_string(lost) + " bytes of the console are missing here: the reader was too slow]\n";
    line_begins_ = true;
    skip_line_ = false;
  }

  // The time of the byte at `offset` and a space, as text.
  const std::string& time_of(std::uint64_t offset) {
    const bool known = !marks_.empty() && marks_.front().end > offset;
    while (!marks_.empty() && marks_.front().end <= offset) marks_.pop_front();
    if (marks_.empty()) {
      const std::lock_guard lock(console_->mutex_);
      for (const TimeMark& mark : console_->times_.from(offset, kMarksAtOnce)) marks_.push_back(mark);
      // Its mark could not be written: all that is known is when it was noticed at the latest.
      if (marks_.empty()) marks_.push_back({offset + 1, console_->noticed_at_, true});
    }
    if (!known) time_ = format_wall_time(marks_.front().at) + (marks_.front().late ? "~ " : " ");
    return time_;
  }

  const std::shared_ptr<Console> console_;
  const LogQuery query_;
  const int log_;
  std::uint64_t number_ = 0;           // among the console's readers
  std::optional<std::uint64_t> stop_;  // end there, whatever comes
  std::uint64_t offset_ = 0;           // of the next byte to take from the file
  bool skip_line_ = false;             // up to the next line feed
  bool line_begins_ = true;
  std::string raw_;
  std::string rendered_;
  std::string_view ready_;  // of either, not given away yet
  std::deque<TimeMark> marks_;
  std::string time_;  // of marks_.front()
};

ConsoleReader::ConsoleReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConsoleReader::~ConsoleReader() = default;
ConsoleReader::ConsoleReader(ConsoleReader&&) noexcept = default;
ConsoleReader& ConsoleReader::operator=(ConsoleReader&&) noexcept = default;

Result<ConsoleReader> ConsoleReader::open(std::shared_ptr<Console> console, const LogQuery& query, WallTime now) {
  (void)console->notice(now).ok();  // what cannot be timed can be read all the same
  auto state = std::make_unique<State>(std::move(console), query);
  if (Result<void> opened = state->open(); !opened) return std::move(opened).error();
  return ConsoleReader(std::move(state));
}

Result<LogChunk> ConsoleReader::read(std::size_t max_bytes) {
  return state_->read(max_bytes);
}

const std::shared_ptr<Console>& ConsoleReader::console() const {
  return state_->console();
}

}  // namespace unik::agent
