#include "runtimes/lib/runtime/deb_archive.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kMagic = "!<arch>\n";
constexpr std::string_view kData = "data.tar";
constexpr std::size_t kHeader = 60;  // name 16, times and owners 32, size 10, end 2
constexpr std::size_t kNameWidth = 16, kSizeAt = 48, kSizeWidth = 10;
constexpr int kMaxMembers = 64;

Error bad(const std::filesystem::path& path, const std::string& found) {
  return invalid("bad_package", path.string() + ": want a Debian package that is whole, found " + found);
}

// Exactly `size` bytes, or nothing.
std::optional<std::string> read_at(int fd, std::int64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = ::pread(fd, bytes.data() + done, size - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

struct Member {
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

Result<Member> find_data(int fd, const std::filesystem::path& path) {
  const auto magic = read_at(fd, 0, kMagic.size());
  if (!magic || *magic != kMagic) return bad(path, "another kind of file");
  auto at = static_cast<std::int64_t>(kMagic.size());
  for (int i = 0; i < kMaxMembers; ++i) {
    const auto header = read_at(fd, at, kHeader);
    if (!header) return bad(path, "no member " + std::string(kData));
    const std::string_view size_text = std::string_view(*header).substr(kSizeAt, kSizeWidth);
    std::int64_t size = -1;
    std::from_chars(size_text.data(), size_text.data() + size_text.size(), size);
    if (size < 0) return bad(path, "a member without a size");
    at += static_cast<std::int64_t>(kHeader);
    if (header->substr(0, kNameWidth).starts_with(kData)) return Member{at, size};
    at += size + size % 2;
  }
  return bad(path, "no member " + std::string(kData) + " among the first " + std::to_string(kMaxMembers));
}

}  // namespace

Result<FileTree> read_deb(const std::filesystem::path& path, const ContentSink& sink) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd) return std::move(fd).error();
  auto data = find_data(fd->get(), path);
  if (!data) return std::move(data).error();
  std::int64_t done = 0;
  const ByteSource source = [&](std::span<char> into) -> Result<std::size_t> {
    const auto want =
        static_cast<std::size_t>(std::min<std::int64_t>(data->size - done, static_cast<std::int64_t>(into.size())));
    if (want == 0) return std::size_t{0};
    ssize_t got = 0;
    do got = ::pread(fd->get(), into.data(), want, data->offset + done);
    while (got < 0 && errno == EINTR);
    if (got < 0) return system_error("read_failed", "reading", path);
    if (got == 0) return bad(path, "its end in the middle of " + std::string(kData));
    done += got;
    return static_cast<std::size_t>(got);
  };
  FileTree tree;
  if (auto applied = apply_archive(tree, source, sink); !applied) {
    Error error = applied.error();
    error.message = path.filename().string() + ": " + error.message;
    return error;
  }
  return tree;
}

}  // namespace unik::runtimes
