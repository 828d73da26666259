#include "agent/logs/pusher.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "wire/log.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kRemembered = 4096;  // stream ids that are not begun again

std::string complaint_of(const Error& error) {
  return "[unikctl: " + error.message + "]\n";
}

// One push. next() runs on the client's thread; the console wakes it from the thread that watches it.
class Stream {
 public:
  explicit Stream(Result<ConsoleReader> reader) {
    if (!reader) {
      complaint_ = complaint_of(reader.error());
      return;
    }
    console_ = reader->console();
    reader_ = std::move(*reader);
  }

  wire::UploadChunk next(std::size_t max_bytes) {
    using Kind = wire::UploadChunk::Kind;
    if (reader_) {
      const Result<LogChunk> chunk = reader_->read(max_bytes);
      if (chunk) switch (chunk->kind) {
          case LogChunk::Kind::kData:
            return {Kind::kData, std::string(chunk->data)};
          case LogChunk::Kind::kWait:
            return {Kind::kPause, {}};
          case LogChunk::Kind::kEnd:
            return {Kind::kEnd, {}};
        }
      complaint_ = complaint_of(chunk.error());
      reader_.reset();
    }
    std::string part = complaint_.substr(0, max_bytes);
    complaint_.erase(0, part.size());
    return part.empty() ? wire::UploadChunk{Kind::kEnd, {}} : wire::UploadChunk{Kind::kData, std::move(part)};
  }

  void begin(wire::Transfer transfer) {
    const std::lock_guard lock(mutex_);
    transfer_ = transfer;
    if (ended_ || !console_) return;
    subscription_ = console_->subscribe([transfer] { transfer.resume_upload(); });
    transfer.resume_upload();  // for what came before the subscription
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    if (console_ && subscription_ != 0) console_->unsubscribe(subscription_);
    subscription_ = 0;
  }

  void cancel() {
    end();
    transfer_.cancel();
  }

 private:
  std::shared_ptr<Console> console_;
  std::optional<ConsoleReader> reader_;
  std::string complaint_;  // instead of it

  std::mutex mutex_;
  wire::Transfer transfer_;
  std::uint64_t subscription_ = 0;
  bool ended_ = false;
};

}  // namespace

class LogPusher::State : public std::enable_shared_from_this<State> {
 public:
  State(PusherOptions options, Consoles& consoles, wire::HttpClient& client)
      : options_(std::move(options)), consoles_(consoles), client_(client) {}

  void push(const LogRequest& asked) {
    if (!admit(asked.stream_id)) return;
    const auto stream = std::make_shared<Stream>(consoles_.read(asked.id, asked.query));
    {
      const std::lock_guard lock(mutex_);
      streams_[asked.stream_id] = stream;
    }
    wire::ClientRequest request;
    request.method = "POST";
    request.endpoint = options_.controller;
    request.target =
        "/v1/nodes/" + wire::percent_encode(options_.node) + "/logs/" + wire::percent_encode(asked.stream_id);
    request.headers = options_.headers;
    request.headers.set("Content-Type", "application/octet-stream");
    request.total_timeout = Duration::zero();
    request.upload = [stream](std::size_t max_bytes) { return stream->next(max_bytes); };
    stream->begin(
        client_.send(std::move(request), [weak = weak_from_this(), stream, id = asked.stream_id](auto outcome) {
          stream->end();
          if (const std::shared_ptr<State> state = weak.lock()) state->ended(id, outcome);
        }));
  }

  void stop() {
    std::map<std::string, std::shared_ptr<Stream>> streams;
    {
      const std::lock_guard lock(mutex_);
      streams = std::exchange(streams_, {});
    }
    for (const auto& [id, stream] : streams) stream->cancel();
  }

 private:
  // Each stream once, and not too many at a time: one that is turned away is asked for again.
  bool admit(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (begun_.contains(id)) return false;
    if (streams_.size() >= kPushesAtOnce) {
      wire::log(wire::LogLevel::kWarning, "logs", "too many streams: this one has to be asked for again",
                {{"stream_id", id}, {"limit", kPushesAtOnce}});
      return false;
    }
    begun_.insert(id);
    order_.push_back(id);
    if (order_.size() > kRemembered) {
      begun_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

  void ended(const std::string& id, const Result<wire::ClientResponse>& outcome) {
    {
      const std::lock_guard lock(mutex_);
      streams_.erase(id);
    }
    if (outcome && outcome->ok()) return;
    // Most often a reader that went away.
    const std::string why = outcome ? "status " + std::to_string(outcome->status) : outcome.error().message;
    wire::log(wire::LogLevel::kDebug, "logs", "a stream ended early", {{"stream_id", id}, {"why", why}});
  }

  const PusherOptions options_;
  Consoles& consoles_;
  wire::HttpClient& client_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Stream>> streams_;  // under way
  std::set<std::string> begun_;
  std::deque<std::string> order_;  // of `begun_`, oldest first
};

LogPusher::LogPusher(PusherOptions options, Consoles& consoles, wire::HttpClient& client)
    : state_(std::make_shared<State>(std::move(options), consoles, client)) {}
LogPusher::~LogPusher() {
  state_->stop();
}

void LogPusher::push(const PushLog& request) {
  state_->push(request.request);
}

}  // namespace unik::agent
