#include "agent/logs/times.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "agent/forward/socket.hpp"

namespace unik::agent {
namespace {

constexpr std::uint64_t kRecordBytes = 16;
using Record = std::array<unsigned char, kRecordBytes>;

void put(unsigned char* to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<unsigned char>(value >> (8 * i));
}

std::uint64_t take(const unsigned char* from) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
  return value;
}

Record encode(const TimeMark& mark) {
  Record record;
  put(record.data(), mark.end);
  const auto microseconds = static_cast<std::uint64_t>(mark.at.time_since_epoch().count());
  put(record.data() + 8, microseconds << 1 | (mark.late ? 1U : 0U));
  return record;
}

TimeMark decode(const Record& record) {
  const std::uint64_t time = take(record.data() + 8);
  return {take(record.data()), WallTime(Duration(static_cast<std::int64_t>(time) >> 1)), (time & 1) != 0};
}

std::uint64_t count_records(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) / kRecordBytes : 0;
}

std::optional<TimeMark> read_record(int fd, std::uint64_t index) {
  Record record;
  if (::pread(fd, record.data(), kRecordBytes, static_cast<off_t>(index * kRecordBytes)) != kRecordBytes)
    return std::nullopt;
  return decode(record);
}

// Appends those marks of a file that end beyond `offset`. The first record counts only as the end of what is before.
void read_from(int fd, std::uint64_t offset, std::size_t count, std::vector<TimeMark>& marks) {
  std::uint64_t low = 1;
  const std::uint64_t records = count_records(fd);
  for (std::uint64_t high = records; low < high;) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::optional<TimeMark> mark = read_record(fd, middle);
    if (!mark) return;
    (mark->end > offset ? high : low) = mark->end > offset ? middle : middle + 1;
  }
  if (low >= records || marks.size() >= count) return;
  std::vector<Record> block(std::min<std::uint64_t>(records - low, count - marks.size()));
  const ssize_t got = ::pread(fd, block.data(), block.size() * kRecordBytes, static_cast<off_t>(low * kRecordBytes));
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got) / kRecordBytes; ++i)
    marks.push_back(decode(block[i]));
}

Error disk_error(const std::string& path) {
  return internal("console_times", path + ": " + describe_errno(errno));
}

}  // namespace

Result<void> TimeMarks::open(const std::string& directory, std::uint64_t per_file, std::uint64_t size, TimeMark base) {
  path_ = directory + "/console.times";
  per_file_ = std::max<std::uint64_t>(per_file, 2);
  file_ = Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  // A crash in append(), between its two renames, leaves the old file alone.
  if (!file_ && ::rename((path_ + ".old").c_str(), path_.c_str()) == 0)
    file_ = Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  records_ = file_ ? count_records(file_.get()) : 0;
  const std::optional<TimeMark> first = records_ > 0 ? read_record(file_.get(), 0) : std::nullopt;
  const std::optional<TimeMark> last = records_ > 0 ? read_record(file_.get(), records_ - 1) : std::nullopt;
  if (!first || !last || last->end > size) {
    ::unlink((path_ + ".old").c_str());
    begin_ = base.end;
    return start_file(base);
  }
  if (::ftruncate(file_.get(), static_cast<off_t>(records_ * kRecordBytes)) != 0) return disk_error(path_);
  last_ = *last;
  begin_ = first->end;
  const Fd old(::open((path_ + ".old").c_str(), O_RDONLY | O_CLOEXEC));
  if (old)
    if (const std::optional<TimeMark> oldest = read_record(old.get(), 0)) begin_ = std::min(begin_, oldest->end);
  return {};
}

// Complete before it has the name, so that a file always has its first record.
Result<void> TimeMarks::start_file(const TimeMark& base) {
  const std::string fresh = path_ + ".new";
  Fd file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const Record record = encode(base);
  if (!file || ::pwrite(file.get(), record.data(), kRecordBytes, 0) != kRecordBytes ||
      ::rename(fresh.c_str(), path_.c_str()) != 0)
    return disk_error(path_);
  file_ = std::move(file);
  records_ = 1;
  last_ = base;
  return {};
}

Result<void> TimeMarks::append(const TimeMark& mark) {
  if (records_ >= per_file_) {
    const std::optional<TimeMark> first = read_record(file_.get(), 0);
    if (!first || ::rename(path_.c_str(), (path_ + ".old").c_str()) != 0) return disk_error(path_);
    if (Result<void> started = start_file(last_); !started) {
      ::rename((path_ + ".old").c_str(), path_.c_str());
      return started;
    }
    begin_ = first->end;
  }
  const Record record = encode(mark);
  const ssize_t written =
      ::pwrite(file_.get(), record.data(), kRecordBytes, static_cast<off_t>(records_ * kRecordBytes));
  if (written != kRecordBytes) return disk_error(path_);
  ++records_;
  last_ = mark;
  return {};
}

std::vector<TimeMark> TimeMarks::from(std::uint64_t offset, std::size_t count) const {
  std::vector<TimeMark> marks;
  if (const std::optional<TimeMark> first = read_record(file_.get(), 0); first && first->end > offset) {
    const Fd old(::open((path_ + ".old").c_str(), O_RDONLY | O_CLOEXEC));
    if (old) read_from(old.get(), offset, count, marks);
  }
  read_from(file_.get(), offset, count, marks);
  return marks;
}

}  // namespace unik::agent
