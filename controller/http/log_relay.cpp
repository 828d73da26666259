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
  std::string open_line;                         // the stream whose line the reader has a part of; empty: none
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
    const std::lock_guard lock(session->mutex);
    if (session->closed || !session->stream) return;
    session->stream->write(session->prefix ? take_lines(chunk) : std::string(chunk));
    if (session->stream->buffered() <= wire::kStreamLowWater) return;
    body.pause();
    session->stream->on_drain([waiting = body] { waiting.resume(); });
  }

  // With the session's mutex held, as all below.
  std::string take_lines(std::string_view chunk) {
    std::string out;
    for (std::size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
      give(out, chunk.substr(0, end));
      end_line(out);
      chunk.remove_prefix(end + 1);
    }
    if (chunk.empty()) return out;
    const bool nothing_can_mix = session->instances.size() == 1 || session->open_line == stream_id;
    if (nothing_can_mix || held.size() + chunk.size() > kMaxHeldLine)
      give(out, chunk);
    else
      held += chunk;
    return out;
  }

  // What is held of a line and what follows, after the name where the reader is not within this very line.
  void give(std::string& out, std::string_view more) {
    if (session->open_line != stream_id) {
      if (!session->open_line.empty()) out += '\n';
      out.append(instance).append(begun ? " |> " : " | ");
      session->open_line = stream_id;
    }
    out.append(held).append(more);
    held.clear();
    begun = true;
  }

  void end_line(std::string& out) {
    out += '\n';
    session->open_line.clear();
    begun = false;
  }

  // The last line of a console may have no end.
  void give_rest() {
    std::string out;
    if (!held.empty()) give(out, "");
    if (session->open_line == stream_id) end_line(out);
    if (!out.empty() && session->stream) session->stream->write(std::move(out));
  }

  void finish(bool whole) {
    std::optional<wire::Stream> broken;
    {
      const std::lock_guard lock(session->mutex);
      session->instances.erase(stream_id);
      if (!session->closed && !whole) {
        broken = session->stream;
        session->closed = true;
      } else if (!session->closed && session->prefix) {
        give_rest();
      }
    }
    responder.send(wire::HttpResponse{200, {}, "{}", "application/json"});
    relay.post_(LogPushEnded{stream_id});
    if (!broken) return relay.finish_if_done(session);
    broken->cut();
    relay.leave(session);
  }

  LogRelay& relay;
  const std::shared_ptr<Session> session;
  const std::string stream_id;
  const std::string instance;
  const wire::BodyStream body;
  const wire::Responder responder;
  std::string held;    // of a line
  bool begun = false;  // the reader has, or had, a part of this line
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
    leave(gone);
  });
}

void LogRelay::give_up(const GiveUpLog& effect) {
  const std::shared_ptr<Session> reader = session(effect.session);
  if (reader == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    if (effect.final) expected_.erase(effect.stream_id);
  }
  {
    const std::lock_guard lock(reader->mutex);
    if (effect.final) reader->instances.erase(effect.stream_id);
    std::string line = "unikctl: " + effect.error.message + "\n";
    if (!reader->open_line.empty()) line.insert(0, "\n");
    reader->open_line.clear();
    if (reader->stream) reader->stream->write(std::move(line));
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
  leave(reader);
}

void LogRelay::leave(const std::shared_ptr<Session>& reader) {
  post_(LogsClosed{reader->id});
  const std::lock_guard lock(mutex_);
  sessions_.erase(reader->id);
  std::erase_if(expected_, [&](const auto& entry) { return entry.second == reader; });
}

}  // namespace unik::controller
