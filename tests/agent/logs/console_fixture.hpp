// What the tests of the console share: a directory with a console that is written to as QEMU does, and a clock.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "../forward/forward_fixture.hpp"
#include "agent/logs/console.hpp"
#include "agent/logs/reader.hpp"

namespace unik::agent::testing {

inline WallTime wall(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

// A query that is all defaults but for one word.
inline LogQuery previous_run() {
  LogQuery query;
  query.select = LogSelect::kPrevious;
  return query;
}
inline LogQuery following() {
  LogQuery query;
  query.follow = true;
  return query;
}
inline LogQuery with_times() {
  LogQuery query;
  query.timestamps = true;
  return query;
}

// Appends as QEMU's logfile does, whatever else happens to the file.
class Guest {
 public:
  explicit Guest(const std::string& directory)
      : fd_(::open(console_path(directory).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), 64 << 10));
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

 private:
  Fd fd_;
};

inline std::shared_ptr<Console> open_console(const std::string& directory, WallTime now, ConsoleLimits limits = {}) {
  Result<std::shared_ptr<Console>> console = Console::open(directory, now, limits);
  EXPECT_TRUE(console.ok()) << (console ? "" : console.error().message);
  return console ? *console : nullptr;
}

// Everything that a query gives until it ends or waits, in pieces of at most `piece` bytes.
inline std::string read_console(ConsoleReader& reader, std::size_t piece = 64 << 10) {
  std::string all;
  while (true) {
    const Result<LogChunk> chunk = reader.read(piece);
    EXPECT_TRUE(chunk.ok()) << (chunk ? "" : chunk.error().message);
    if (!chunk || chunk->kind != LogChunk::Kind::kData) return all;
    EXPECT_LE(chunk->data.size(), piece);
    EXPECT_FALSE(chunk->data.empty());
    all += chunk->data;
  }
}

inline std::string read_console(const std::shared_ptr<Console>& console, const LogQuery& query, WallTime now,
                                std::size_t piece = 64 << 10) {
  Result<ConsoleReader> reader = ConsoleReader::open(console, query, now);
  EXPECT_TRUE(reader.ok()) << (reader ? "" : reader.error().message);
  return reader ? read_console(*reader, piece) : "";
}

// On the disk, holes not counted.
inline std::uint64_t disk_bytes(const std::string& directory) {
  struct stat status {};
  return ::stat(console_path(directory).c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

}  // namespace unik::agent::testing
