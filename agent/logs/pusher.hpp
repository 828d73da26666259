// The agent's port for logs: carries out PushLog.
//
// Each stream is one `POST /v1/nodes/{node}/logs/{stream_id}` with a chunked body, read from the console as fast as the
// controller takes it. It ends with the console (reader.hpp), or when the controller answers or goes away. A console
// that cannot be read is a body of one line that says why, so that who waits for it hears something.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "agent/logs/consoles.hpp"
#include "agent/ports.hpp"
#include "wire/http_client.hpp"

namespace unik::agent {

inline constexpr std::size_t kPushesAtOnce = 256;  // beyond it a push is refused with `too_many_streams`

struct PusherOptions {
  std::string node;
  wire::Endpoint controller;
  wire::Headers headers;  // such as Authorization
};

class LogPusher {
 public:
  // `consoles` and `client` must outlive it.
  LogPusher(PusherOptions options, Consoles& consoles, wire::HttpClient& client);
  ~LogPusher();  // cancels what is under way
  LogPusher(const LogPusher&) = delete;
  LogPusher& operator=(const LogPusher&) = delete;

  // Returns at once. A stream that was begun before is not begun again.
  void push(const PushLog& request);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace unik::agent
