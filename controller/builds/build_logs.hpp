// What builds say: one file an operation in `HOME/builds`, bounded in size and number, read while it grows.
//
// Any thread may call anything. A reader of a build that is not begun yet waits for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "api/units.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "wire/http_server.hpp"

namespace unik::controller {

inline constexpr std::size_t kMaxBuildLogs = 100;          // files that are kept
inline constexpr Bytes kMaxBuildLogBytes = mebibytes(16);  // of one; a build goes on beyond, and says no more

class BuildLogs {
 public:
  explicit BuildLogs(std::filesystem::path directory);
  ~BuildLogs();

  // From here on `add` writes to the log of `operation`. A later attempt goes on in the same file. Removes the oldest
  // files beyond kMaxBuildLogs. Errors: those of open_file.
  Result<void> begin(const std::string& operation, std::uint32_t attempt);
  void add(std::string_view text);
  // The last lines that the build has said.
  std::string tail() const;

  // Sends the log of `operation` from `offset` (bytes) on; with `follow` until `ended` is called. Errors, as answers:
  // `not_found/no_build_log`.
  void send(const std::string& operation, std::uint64_t offset, bool follow, const wire::Responder& responder);
  // Nothing more will be said of it.
  void ended(const std::string& operation);

 private:
  class Reader;
  std::filesystem::path path_of(const std::string& operation) const;
  void write(std::string_view text);
  void tell_readers(const std::string& operation, bool ended);
  void drop_oldest() const;

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::string operation_;  // that is written to
  runtimes::Fd file_;
  std::int64_t written_ = 0;
  std::string tail_;
  std::multimap<std::string, std::weak_ptr<Reader>> readers_;
};

}  // namespace unik::controller
