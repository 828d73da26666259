#include "controller/http/log_relay.hpp"

#include <cstdlib>
#include <utility>

#include "wire/log.hpp"

namespace unik::controller {
namespace {

// Agents push each stream once, and outlive controllers: the next one must not give the names of this one again.
std::uint64_t first_session() {
  constexpr std::size_t kHexDigits = 12;
  return std::strtoull(wire::new_trace_id().substr(0, kHexDigits).c_str(), nullptr, 16);
}

}  // namespace

// One reader. Its members are guarded by its own mutex; the relay's is never taken while that is held.
struct LogRelay::Session {
  Session(wire::Responder asker, bool with_prefix) : responder(std::move(asker)), prefix(with_prefix) {}

  std::mutex mutex;
  std::uint64_t id = 0;
  const wire::Responder responder;
  const bool prefix;
  std::optional<wire::Stream> stream;            // once there is something to read
  std::map<std::string, std::string> instances;  // short names of the streams that have not ended
  bool all_named = false;
  bool closed = false;

  // With `mutex` held.
  void begin() {
    if (!stream) stream = responder.start_stream(200, {{"Content-Type", "text/plain; charset=utf-8"}});
  }
};

// One console on its way. Its callbacks come one at a time.
struct LogRelay::Push : std::enable_shared_from_this<LogRelay::Push> {
  Push(LogRelay& owner, std::shared_ptr<Session> reader, std::string id, std::string name, wire::BodyStream from,
       wire::Responder answer)
      : relay(owner),
        session(std::move(reader)),
        stream_id(std::move(id)),
        instance(std::move(name)),
        body(std::move(from)),
        responder(std::move(answer)) {}

  void start() {
    const auto self = shared_from_this();
    body.start([self](std::string_view chunk) { self->take(chunk); },
               [self](const Result<void>& end) { self->finish(end.ok()); });
  }

  void take(std::string_view chunk) {
    if (!session->prefix) return write(std::string(chunk));
    // Whole lines only, so that the lines of several consoles never mix.
    line += chunk;
    std::string out;
    std::size_t from = 0;
    for (std::size_t end = line.find('\n'); end != std::string::npos; end = line.find('\n', from)) {
      out += instance + " | ";
      out.append(line, from, end + 1 - from);
      from = end + 1;
    }
    line.erase(0, from);
    write(std::move(out));
  }

  void write(std::string bytes) {
    if (bytes.empty()) return;
    const std::lock_guard lock(session->mutex);
    if (session->closed || !session->stream) return;
    session->stream->write(std::move(bytes));
    if (session->stream->buffered() <= wire::kStreamLowWater) return;
    body.pause();
    session->stream->on_drain([waiting = body] { waiting.resume(); });
  }

  void finish(bool whole) {
    if (!line.empty()) write(instance + " | " + std::exchange(line, {}) + '\n');
    bool closed = false;
    {
      const std::lock_guard lock(session->mutex);
      session->instances.erase(stream_id);
      closed = session->closed;
    }
    responder.send(wire::HttpResponse{200, {}, "{}", "application/json"});
    relay.post_(LogPushEnded{stream_id, whole || closed});
    relay.finish_if_done(session);
  }

  LogRelay& relay;
  const std::shared_ptr<Session> session;
  const std::string stream_id;
  const std::string instance;
  const wire::BodyStream body;
  const wire::Responder responder;
  std::string line;
};

LogRelay::LogRelay(std::function<void(Event)> post) : post_(std::move(post)), last_session_(first_session()) {}

void LogRelay::open(LogsAsked asked, bool prefix, const wire::Responder& responder) {
  const auto session = std::make_shared<Session>(responder, prefix);
  {
    const std::lock_guard lock(mutex_);
    session->id = ++last_session_;
    sessions_[session->id] = session;
  }
  asked.session = session->id;
  // A reader that leaves before the first byte and one that leaves later are noticed at different handles.
  responder.on_close([this, id = session->id] {
    post_(LogsClosed{id});
    const std::lock_guard lock(mutex_);
    sessions_.erase(id);
  });
  post_(std::move(asked));
}

std::shared_ptr<LogRelay::Session> LogRelay::session(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

void LogRelay::expect(const ExpectLog& effect) {
  const std::shared_ptr<Session> reader = session(effect.session);
  if (reader == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    expected_[effect.stream_id] = reader;
  }
  bool first = false;
  {
    const std::lock_guard lock(reader->mutex);
    first = !reader->stream;
    reader->begin();
    reader->instances[effect.stream_id] = effect.instance;
  }
  // Outside the lock: the callback comes at once when the reader is gone already.
  if (!first) return;
  reader->stream->on_close([this, weak = std::weak_ptr(reader)] {
    const std::shared_ptr<Session> gone = weak.lock();
    if (gone == nullptr) return;
    {
      const std::lock_guard inner(gone->mutex);
      gone->closed = true;
    }
    post_(LogsClosed{gone->id});
    const std::lock_guard inner(mutex_);
    sessions_.erase(gone->id);
    std::erase_if(expected_, [&](const auto& entry) { return entry.second == gone; });
  });
}

void LogRelay::give_up(const GiveUpLog& effect) {
  const std::shared_ptr<Session> reader = session(effect.session);
  if (reader == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    expected_.erase(effect.stream_id);
  }
  {
    const std::lock_guard lock(reader->mutex);
    reader->instances.erase(effect.stream_id);
    if (reader->stream) reader->stream->write("unikctl: " + effect.error.message + "\n");
  }
  finish_if_done(reader);
}

void LogRelay::end(const EndLogs& effect) {
  const std::shared_ptr<Session> reader = session(effect.session);
  if (reader == nullptr) return;
  {
    const std::lock_guard lock(reader->mutex);
    reader->all_named = true;
    if (effect.error) {
      reader->responder.send(*effect.error);
      reader->closed = true;
    } else {
      reader->begin();
    }
  }
  finish_if_done(reader);
}

void LogRelay::push(const std::string& stream_id, const wire::BodyStream& body, const wire::Responder& responder) {
  std::shared_ptr<Session> reader;
  {
    const std::lock_guard lock(mutex_);
    auto expected = expected_.extract(stream_id);
    if (!expected.empty()) reader = expected.mapped();
  }
  if (reader == nullptr)
    return responder.send(not_found("no_such_stream", "nobody waits for the log stream `" + stream_id + "`"));
  std::string instance;
  {
    const std::lock_guard lock(reader->mutex);
    instance = reader->instances[stream_id];
  }
  post_(LogPushBegan{stream_id});
  std::make_shared<Push>(*this, reader, stream_id, instance, body, responder)->start();
}

void LogRelay::finish_if_done(const std::shared_ptr<Session>& reader) {
  {
    const std::lock_guard lock(reader->mutex);
    if (!reader->all_named || !reader->instances.empty()) return;
    if (reader->stream && !reader->closed) reader->stream->finish();
    reader->closed = true;
  }
  post_(LogsClosed{reader->id});
  const std::lock_guard lock(mutex_);
  sessions_.erase(reader->id);
}

}  // namespace unik::controller
