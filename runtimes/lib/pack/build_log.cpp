#include "runtimes/lib/pack/build_log.hpp"

#include <fcntl.h>

namespace unik::runtimes {
namespace {

constexpr std::size_t kShownLines = 15;  // of the log's end in an error
constexpr std::size_t kShownBytes = 4096;

}  // namespace

Result<BuildLog> BuildLog::open(const std::filesystem::path& path, std::function<void(std::string_view)> shown,
                                const std::string& operation) {
  auto fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd) return std::move(fd).error();
  std::string where = operation.empty() ? "its whole output is in " + path.string()
                                        : "`unikctl logs operation/" + operation + "` shows its whole output";
  return BuildLog(*std::move(fd), path, std::move(shown), std::move(where));
}

void BuildLog::add(std::string_view text) {
  if (shown_) shown_(text);
  logged_ += static_cast<std::int64_t>(text.size());
  if (kept_ && logged_ <= kMaxBuildLog) kept_ = write_all(fd_.get(), text, path_);
  tail_.append(text);
  if (tail_.size() > 2 * kShownBytes) tail_.erase(0, tail_.size() - kShownBytes);
}

std::string BuildLog::describe() const {
  return shown_ ? where_ : where_ + ", its end:\n" + end();
}

std::string BuildLog::end() const {
  if (tail_.empty()) return tail_;
  std::size_t at = tail_.size(), lines = 0;
  while (at > 0 && lines <= kShownLines) {
    at = tail_.rfind('\n', at - 1);
    if (at == std::string::npos) return tail_;
    ++lines;
  }
  return tail_.substr(at + 1);
}

}  // namespace unik::runtimes
