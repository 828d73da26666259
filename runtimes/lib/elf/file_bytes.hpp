// A file as bytes that may lie: every read is checked against the file's size, so a hostile offset gives nothing
// instead of something else. For the parsers of this directory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {

class FileBytes {
 public:
  // Errors: `not_found/no_such_file`, `invalid/not_a_file` for a directory or device, `unavailable/read_failed`.
  static Result<FileBytes> open(const std::filesystem::path& path);

  std::uint64_t size() const { return size_; }

  // Exactly `length` bytes from `offset`, or nothing when the file does not hold them all.
  std::optional<std::string> read(std::uint64_t offset, std::uint64_t length) const;

  // What there is of `length` bytes from `offset`.
  std::string read_some(std::uint64_t offset, std::uint64_t length) const;

 private:
  FileBytes(Fd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
  Fd fd_;
  std::uint64_t size_ = 0;
};

// A number of 1 to 8 bytes at `offset` of `bytes`, in either order. `bytes` must hold it.
std::uint64_t number_at(std::string_view bytes, std::size_t offset, std::size_t width, bool little_endian = true);

}  // namespace unik::runtimes
