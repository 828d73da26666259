// Joins consoles that nodes push with the readers that asked for them. A slow reader slows the push down, a reader that
// leaves ends it. A push that breaks off cuts its reader's stream: what is missing cannot be told, and a reader can ask
// again from the last line that it has.
//
// With prefixes, `web-0-r4-1 | ` begins each line. While one console is read, its bytes pass at once. Of several ones
// whole lines pass, so that they never mix, or pieces of kMaxHeldLine of a longer line. A line that was begun and
// another console breaks into goes on, in a line of its own, after `web-0-r4-1 |> `.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "controller/ports.hpp"
#include "wire/http_server.hpp"

namespace unik::controller {

// Of a line without an end, while several consoles are read.
inline constexpr std::size_t kMaxHeldLine = std::size_t{64} << 10;

class LogRelay {
 public:
  // `post` takes events for the loop.
  explicit LogRelay(std::function<void(Event)> post);

  // A reader: nothing is sent before the loop has said whether there is anything to read. `prefix`: each line begins
  // with the instance's short name.
  void open(LogsAsked asked, bool prefix, const wire::Responder& responder);

  // What the loop says of a session.
  void expect(const ExpectLog& effect);
  void give_up(const GiveUpLog& effect);
  void end(const EndLogs& effect);

  // A node's push.
  void push(const std::string& stream_id, const wire::BodyStream& body, const wire::Responder& responder);

 private:
  struct Session;
  struct Push;

  std::shared_ptr<Session> session(std::uint64_t id);
  void finish_if_done(const std::shared_ptr<Session>& session);
  void leave(const std::shared_ptr<Session>& session);

  const std::function<void(Event)> post_;
  std::mutex mutex_;
  std::uint64_t last_session_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::map<std::string, std::shared_ptr<Session>> expected_;  // by stream_id, until its push begins
};

}  // namespace unik::controller
