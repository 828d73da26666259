// The log of a build: everything that its commands say, shown as it comes and kept in one file, whose end goes into the
// error when a command fails.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {

inline constexpr std::int64_t kMaxBuildLog = 64 << 20;  // bytes that are kept; commands go on beyond

class BuildLog {
 public:
  // Replaces the file. `shown` may be empty; `operation` is that of a build which a control plane runs, and whose file
  // goes with it.
  static Result<BuildLog> open(const std::filesystem::path& path, std::function<void(std::string_view)> shown,
                               const std::string& operation);

  void add(std::string_view text);
  // Whether all of it could be written.
  const Result<void>& kept() const { return kept_; }
  // For an error: where all of it is, and its last lines unless they were shown as they came.
  std::string describe() const;

 private:
  std::string end() const;

  BuildLog(Fd fd, std::filesystem::path path, std::function<void(std::string_view)> shown, std::string where)
      : fd_(std::move(fd)), path_(std::move(path)), shown_(std::move(shown)), where_(std::move(where)) {}
  Fd fd_;
  std::filesystem::path path_;
  std::function<void(std::string_view)> shown_;
  std::string where_;  // all of it is to be found, as a sentence
  std::string tail_;
  std::int64_t logged_ = 0;
  Result<void> kept_;
};

}  // namespace unik::runtimes
