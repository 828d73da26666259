#include "controller/builds/build_logs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadChunk = 64 << 10;
constexpr std::size_t kTailBytes = 4096;
constexpr std::size_t kTailLines = 15;
constexpr std::string_view kEnding = ".log";
constexpr std::string_view kCut = "\n[the log is full: what the build says from here on is not kept]\n";

}  // namespace

// One answer under way: what the file has is passed on as the client takes it.
class BuildLogs::Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(fs::path path, std::uint64_t offset, wire::Stream stream)
      : path_(std::move(path)), offset_(offset), stream_(std::move(stream)) {}

  void start() {
    const auto self = shared_from_this();
    stream_.on_drain([self] { self->go_on(); });
    go_on();
  }

  void end() {
    const std::lock_guard lock(mutex_);
    is_whole_ = true;
  }

  void go_on() {
    const std::lock_guard lock(mutex_);
    while (!over_ && stream_.buffered() <= wire::kStreamLowWater) {
      const std::string chunk = next();
      if (chunk.empty()) {
        over_ = is_whole_;
        if (over_) stream_.finish();
        return;
      }
      offset_ += chunk.size();
      over_ = !stream_.write(chunk);
    }
  }

 private:
  std::string next() {
    if (!file_.open()) file_ = runtimes::Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    std::string chunk(kReadChunk, '\0');
    const ssize_t got =
        file_.open() ? ::pread(file_.get(), chunk.data(), chunk.size(), static_cast<off_t>(offset_)) : 0;
    chunk.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return chunk;
  }

  std::mutex mutex_;
  const fs::path path_;
  std::uint64_t offset_;
  const wire::Stream stream_;
  runtimes::Fd file_;
  bool is_whole_ = false;  // nothing more will come
  bool over_ = false;
};

BuildLogs::BuildLogs(fs::path directory) : directory_(std::move(directory)) {}
BuildLogs::~BuildLogs() = default;

fs::path BuildLogs::path_of(const std::string& operation) const {
  return directory_ / (operation + std::string(kEnding));
}

Result<void> BuildLogs::begin(const std::string& operation, std::uint32_t attempt) {
  const std::lock_guard lock(mutex_);
  if (auto made = runtimes::make_directories(directory_); !made) return made;
  auto file = runtimes::open_file(path_of(operation), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (!file) return std::move(file).error();
  drop_oldest();
  operation_ = operation;
  file_ = *std::move(file);
  std::error_code ignored;
  written_ = static_cast<std::int64_t>(fs::file_size(path_of(operation), ignored));
  tail_.clear();
  if (attempt > 1) write("[attempt " + std::to_string(attempt) + ": the controller was restarted]\n");
  return {};
}

void BuildLogs::add(std::string_view text) {
  std::string operation;
  {
    const std::lock_guard lock(mutex_);
    write(text);
    operation = operation_;
  }
  tell_readers(operation, false);
}

// What the disk does not take is lost, and the build goes on: its outcome is told by the operation.
void BuildLogs::write(std::string_view text) {
  tail_.append(text.substr(text.size() - std::min(text.size(), kTailBytes)));
  if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  if (!file_.open() || written_ >= kMaxBuildLogBytes.value) return;
  written_ += static_cast<std::int64_t>(text.size());
  const bool fits = written_ < kMaxBuildLogBytes.value;
  const std::string kept = fits ? std::string(text) : std::string(kCut);
  if (!runtimes::write_all(file_.get(), kept, directory_)) file_ = runtimes::Fd();
}

std::string BuildLogs::tail() const {
  const std::lock_guard lock(mutex_);
  std::size_t at = tail_.size();
  for (std::size_t lines = 0; lines <= kTailLines && at != 0; ++lines) {
    const std::size_t newline = tail_.rfind('\n', at - 1);
    if (newline == std::string::npos) return tail_;
    at = newline;
  }
  return tail_.substr(at == 0 ? 0 : at + 1);
}

void BuildLogs::send(const std::string& operation, std::uint64_t offset, bool follow,
                     const wire::Responder& responder) {
  std::error_code ignored;
  if (!follow && !fs::exists(path_of(operation), ignored))
    return responder.send(not_found("no_build_log", "there is no log of " + operation + ": it has not begun, or " +
                                                        std::to_string(kMaxBuildLogs) + " newer ones are kept"));
  const auto reader = std::make_shared<Reader>(
      path_of(operation), offset, responder.start_stream(200, {{"Content-Type", "text/plain; charset=utf-8"}}));
  if (follow) {
    const std::lock_guard lock(mutex_);
    std::erase_if(readers_, [](const auto& one) { return one.second.expired(); });
    readers_.emplace(operation, reader);
  } else {
    reader->end();
  }
  reader->start();
}

void BuildLogs::ended(const std::string& operation) {
  tell_readers(operation, true);
}

void BuildLogs::tell_readers(const std::string& operation, bool ended) {
  std::vector<std::shared_ptr<Reader>> told;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = readers_.equal_range(operation);
    for (auto it = first; it != last; ++it)
      if (auto reader = it->second.lock()) told.push_back(std::move(reader));
    if (ended) readers_.erase(first, last);
  }
  for (const auto& reader : told) {
    if (ended) reader->end();
    reader->go_on();
  }
}

void BuildLogs::drop_oldest() const {
  std::error_code problem;
  std::vector<std::pair<fs::file_time_type, fs::path>> logs;
  for (fs::directory_iterator it(directory_, problem), end; !problem && it != end; it.increment(problem))
    if (std::error_code ignored; it->path().extension() == kEnding)
      logs.emplace_back(fs::last_write_time(it->path(), ignored), it->path());
  std::sort(logs.begin(), logs.end());
  for (std::size_t i = 0; i + kMaxBuildLogs < logs.size(); ++i) fs::remove(logs[i].second, problem);
}

}  // namespace unik::controller
