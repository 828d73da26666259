#include "runtimes/lib/runtime/mirror.hpp"

#include <fcntl.h>

#include <algorithm>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "wire/http_client.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFile = "file://";
constexpr int kMaxMirrorRedirects = 5;

// Each part of a path as a URL spells it; the slashes stay.
std::string encode_path(const std::string& path) {
  std::string encoded;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    encoded += (begin == 0 ? "" : "/") + wire::percent_encode(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return encoded;
}

Result<void> copy_from(const fs::path& file, std::int64_t max_bytes, const fs::path& into) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return not_found("no_such_package", file.string() + ": " + error.message());
  if (size > static_cast<std::uintmax_t>(max_bytes))
    return invalid("wrong_package", file.string() + ": want at most " + std::to_string(max_bytes) + " bytes, found " +
                                        std::to_string(size));
  fs::copy_file(file, into, fs::copy_options::overwrite_existing, error);
  if (error) return unavailable("store_failed", "copying " + file.string() + ": " + error.message());
  return {};
}

Result<void> download(const std::string& url, std::int64_t max_bytes, const fs::path& into) {
  auto parsed = wire::parse_url(url);
  if (!parsed)
    return invalid("bad_mirror", "mirror " + url + ": want http:, https: or file:; " + parsed.error().message);
  auto fd = open_file(into, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd) return std::move(fd).error();
  std::int64_t done = 0;
  Result<void> kept;
  wire::ClientRequest request;
  request.endpoint = parsed->endpoint;
  request.target = parsed->target;
  request.total_timeout = {};
  request.stall_timeout = kMirrorStall;
  request.max_redirects = kMaxMirrorRedirects;
  request.sink = [&](std::string_view chunk) {
    done += static_cast<std::int64_t>(chunk.size());
    if (done > max_bytes)
      kept = invalid("wrong_package", url + ": want at most " + std::to_string(max_bytes) + " bytes, got more");
    else
      kept = write_all(fd->get(), chunk, into);
    return kept.ok();
  };
  const auto answer = wire::fetch(request);
  if (!kept) return kept;
  if (!answer) return answer.error();
  if (answer->status == 404) return not_found("no_such_package", url + ": no such file there");
  if (!answer->ok())
    return unavailable("mirror_failed", url + ": answered with status " + std::to_string(answer->status));
  return {};
}

}  // namespace

Result<void> fetch_from_mirror(const std::string& base, const std::string& path, std::int64_t max_bytes,
                               const fs::path& into) {
  std::string root = base;
  while (root.ends_with('/')) root.pop_back();
  if (root.starts_with(kFile)) return copy_from(fs::path(root.substr(kFile.size())) / path, max_bytes, into);
  return download(root + "/" + encode_path(path), max_bytes, into);
}

}  // namespace unik::runtimes
