#include "runtimes/lib/elf/file_bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace unik::runtimes {

Result<FileBytes> FileBytes::open(const std::filesystem::path& path) {
  // Opening a pipe would wait for its writer.
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd) return std::move(fd).error();
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return system_error("read_failed", "reading", path);
  if (!S_ISREG(status.st_mode))
    return invalid("not_a_file", path.string() + ": want a regular file, found something else");
  return FileBytes(*std::move(fd), static_cast<std::uint64_t>(status.st_size));
}

std::string FileBytes::read_some(std::uint64_t offset, std::uint64_t length) const {
  if (offset >= size_) return {};
  std::string bytes(static_cast<std::size_t>(std::min(length, size_ - offset)), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

std::optional<std::string> FileBytes::read(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) return std::nullopt;
  std::string bytes = read_some(offset, length);
  if (bytes.size() != length) return std::nullopt;
  return bytes;
}

std::uint64_t number_at(std::string_view bytes, std::size_t offset, std::size_t width, bool little_endian) {
  UNIK_CHECK(width <= 8 && offset <= bytes.size() && width <= bytes.size() - offset, "a number beyond its bytes");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const std::size_t at = offset + (little_endian ? width - 1 - i : i);
    value = value << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return value;
}

}  // namespace unik::runtimes
