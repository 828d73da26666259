#include "agent/logs/console.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr std::uint64_t kBlock = 4096;         // what a file system frees at least
constexpr std::uint64_t kLineScan = 64 << 10;  // how far a line's start is looked for when its front is freed
constexpr std::string_view kRunsHead = "unik-console 1";  // the format of console.runs

std::uint64_t align_down(std::uint64_t offset) {
  return offset / kBlock * kBlock;
}
std::uint64_t align_up(std::uint64_t offset) {
  return align_down(offset + kBlock - 1);
}
std::uint64_t count_of(Bytes bytes) {
  return static_cast<std::uint64_t>(bytes.value);
}

struct Written {
  std::uint64_t size = 0;
  WallTime last{};  // when the last byte came
};

std::optional<Written> look(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  const auto since_epoch =
      std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return Written{static_cast<std::uint64_t>(status.st_size), WallTime(std::chrono::ceil<Duration>(since_epoch))};
}

std::optional<std::vector<ConsoleRun>> read_runs(const std::string& path) {
  std::ifstream file(path);
  std::string head;
  if (!std::getline(file, head) || head != kRunsHead) return std::nullopt;
  std::vector<ConsoleRun> runs;
  for (ConsoleRun run; file >> run.run >> run.begin >> run.kept;) {
    const bool in_order = run.begin <= run.kept && (runs.empty() || runs.back().kept <= run.begin);
    if (!in_order || runs.size() == 2) return std::nullopt;
    runs.push_back(run);
  }
  if (runs.empty() || !file.eof()) return std::nullopt;
  return runs;
}

}  // namespace

std::string console_path(const std::string& directory) {
  return directory + "/console.log";
}

Result<std::shared_ptr<Console>> Console::open(const std::string& directory, WallTime now, ConsoleLimits limits) {
  std::shared_ptr<Console> console(new Console(directory, limits));
  if (Result<void> loaded = console->load(now); !loaded) return std::move(loaded).error();
  return console;
}

Result<void> Console::load(WallTime now) {
  const std::string path = console_path(directory_);
  log_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::optional<Written> written = log_ ? look(log_.get()) : std::nullopt;
  if (!written) return unavailable("no_console", path + ": " + describe_errno(errno));

  runs_ = read_runs(directory_ + "/console.runs").value_or(std::vector<ConsoleRun>{ConsoleRun{}});
  if (runs_.back().kept > written->size) runs_ = {{runs_.back().run, 0, 0}};  // somebody has emptied the file
  const TimeMark unknown{runs_.front().kept, std::min(written->last, now), true};
  if (Result<void> opened = times_.open(directory_, limits_.times_per_file, written->size, unknown); !opened)
    return opened;
  end_ = times_.last().end;
  if (Result<bool> noticed = notice_locked(now, true); !noticed) return std::move(noticed).error();
  punch(runs_);  // what a crash has left of the last time
  return {};
}

Result<void> Console::begin_run(std::uint32_t run, WallTime now) {
  Result<void> saved;
  std::vector<ConsoleRun> runs;
  {
    const std::lock_guard lock(mutex_);
    if (run <= runs_.back().run) return {};
    // Where the run begins matters more than when the last bytes before it came.
    (void)notice_locked(now, false).ok();
    runs = {runs_.back(), {run, end_, end_}};
    saved = save_runs(runs);
    if (saved) runs_ = runs;
  }
  if (saved) punch(runs);
  tell();
  return saved;
}

Result<bool> Console::notice(WallTime now) {
  Result<bool> noticed = false;
  std::vector<ConsoleRun> before;
  std::vector<ConsoleRun> runs;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t end = end_;
    before = runs_;
    noticed = notice_locked(now, false);
    if (end_ == end) return noticed;
    runs = runs_;
  }
  tell();
  if (runs != before) punch(runs);
  return noticed;
}

Result<bool> Console::notice_locked(WallTime now, bool late) {
  const std::optional<Written> written = look(log_.get());
  if (!written) return internal("no_console", console_path(directory_) + ": " + describe_errno(errno));
  if (written->size <= end_) return false;
  end_ = written->size;
  noticed_at_ = late ? std::min(written->last, now) : now;
  Result<void> timed = times_.append({end_, noticed_at_, late});
  free_old();
  if (!timed) return std::move(timed).error();
  return true;
}

void Console::finish() {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  tell();
}

// What the current run has too much of, but for what a reader still needs; and what has no times any more.
void Console::free_old() {
  std::vector<ConsoleRun> runs = runs_;
  if (runs.size() == 2) runs[0].kept = std::max(runs[0].kept, std::min(times_.begin(), runs[1].begin));

  ConsoleRun& run = runs.back();
  const std::uint64_t most = count_of(limits_.run_bytes);
  const bool too_much = end_ - run.kept >= most + count_of(limits_.free_step);
  std::uint64_t wanted = std::max({run.kept, times_.begin(), too_much ? end_ - most : 0});
  const std::uint64_t lag = count_of(limits_.reader_lag);
  for (const auto& [number, reached] : readers_)
    if (reached >= run.kept) wanted = std::min(wanted, std::max(reached, end_ > lag ? end_ - lag : 0));
  if (wanted > run.kept) run.kept = std::max(run.kept, line_before(wanted));

  if (runs != runs_ && save_runs(runs)) runs_ = std::move(runs);  // otherwise tried again with the next bytes
}

// The beginning of the line that `offset` is in, if that is not far back.
std::uint64_t Console::line_before(std::uint64_t offset) const {
  std::array<char, kLineScan> bytes;
  const std::uint64_t size = std::min(kLineScan, offset);
  const ssize_t got = ::pread(log_.get(), bytes.data(), size, static_cast<off_t>(offset - size));
  const void* const found = got > 0 ? ::memrchr(bytes.data(), '\n', static_cast<std::size_t>(got)) : nullptr;
  if (found == nullptr) return offset;
  return offset - size + static_cast<std::uint64_t>(static_cast<const char*>(found) - bytes.data()) + 1;
}

// Frees everything that `runs` do not keep. Without the lock: some kernels write the bytes out before they drop them.
// What is kept only ever shrinks, so that an older copy of the runs is as good. A file system without holes keeps it
// all.
void Console::punch(const std::vector<ConsoleRun>& runs) const {
  const auto free = [&](std::uint64_t begin, std::uint64_t end) {
    if (begin < end)
      ::fallocate(log_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                  static_cast<off_t>(end - begin));
  };
  free(0, align_down(runs.front().kept));
  if (runs.size() == 2) free(align_up(runs.back().begin), align_down(runs.back().kept));
}

// Whole or not at all; not synced, since after a power failure no QEMU writes and the instance starts again.
Result<void> Console::save_runs(const std::vector<ConsoleRun>& runs) const {
  const std::string path = directory_ + "/console.runs";
  const std::string fresh = path + ".new";
  std::string text(kRunsHead);
  for (const ConsoleRun& run : runs)
    text += '\n' + std::to_string(run.run) + ' ' + std::to_string(run.begin) + ' ' + std::to_string(run.kept);
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(fresh.c_str(), path.c_str()) != 0)
    return internal("console_runs", path + ": " + describe_errno(errno));
  return {};
}

// The first byte at or after `offset` that is still there.
std::uint64_t Console::kept_from(std::uint64_t offset) const {
  if (runs_.size() == 2 && offset < runs_.back().begin) return std::max(offset, runs_.front().kept);
  return std::max(offset, runs_.back().kept);
}

std::vector<ConsoleRun> Console::runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

void Console::tell() {
  const std::lock_guard lock(changed_mutex_);
  for (const auto& [number, changed] : changed_) changed();
}

std::uint64_t Console::subscribe(std::function<void()> changed) {
  const std::lock_guard lock(changed_mutex_);
  changed_.emplace_back(++last_subscription_, std::move(changed));
  return last_subscription_;
}

void Console::unsubscribe(std::uint64_t subscription) {
  const std::lock_guard lock(changed_mutex_);
  std::erase_if(changed_, [&](const auto& each) { return each.first == subscription; });
}

}  // namespace unik::agent
