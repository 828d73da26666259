// Reads the requests of one connection, one after the other, from bytes that arrive in pieces of any size.
//
// It is Boost.Beast's parser plus the refusals that keep two readers of the same bytes from seeing two different
// requests (request smuggling): both lengths given, a length given twice, an unknown transfer coding, a missing or
// doubled Host. It knows nothing of sockets or time, keeps no bytes between calls, and is not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/error.hpp"
#include "wire/http_message.hpp"

namespace unik::wire {

struct RequestHead {
  std::string method;
  std::string target;
  Headers headers;
  bool http11 = false;
  bool keep_alive = false;
  bool has_body = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;  // without it, a body is chunked
};

// Why the server will not read on, with the exact HTTP status.
struct Refusal {
  int status = 400;
  Error error;
};

class RequestParser {
 public:
  enum class Step : std::uint8_t {
    kNeedMore,  // give the bytes that were not consumed again, with more behind them
    kHead,      // `head()` is there
    kBody,      // `body()` is the next piece, part of the input
    kDone,      // the request is whole; call `reset()` before the next one
    kRefused,   // `refusal()` says why; the connection cannot be used again
  };
  struct Progress {
    Step step = Step::kNeedMore;
    std::size_t consumed = 0;
  };

  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // The next step that `input` allows. Input that holds no whole step and is as long as kMaxPipelinedBytes is refused.
  Progress next(std::string_view input);

  // Whether a byte of the current request was consumed or seen.
  bool started() const;

  RequestHead& head();
  std::string_view body() const;
  Refusal& refusal();

  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::wire
