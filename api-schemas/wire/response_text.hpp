// The bytes of a response's head: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/time.hpp"
#include "wire/http_message.hpp"

namespace unik::wire {

enum class Framing : std::uint8_t {
  kLength,   // `body_bytes` follow
  kChunked,  // chunks follow
  kToClose,  // the end of the connection is the end of the body: HTTP/1.0
  kNone,     // no body by definition: 204, 304
};

struct ResponseHead {
  int status = 200;
  const Headers& headers;
  std::string_view content_type;
  std::string_view trace_id;
  std::string_view date;
  Framing framing = Framing::kLength;
  std::size_t body_bytes = 0;
  bool http11 = true;
  bool keep_alive = true;
};

// Ends in the empty line. Control characters in names and values become spaces, so that no value can begin a field of
// its own; fields that the framing owns are dropped from `headers`.
std::string format_head(const ResponseHead& head);

// `Sun, 22 Nov 2026 19:28:40 GMT`.
std::string format_http_date(WallTime time);

// `1a\r\n`, for one chunk of that many bytes.
std::string format_chunk_size(std::size_t bytes);

}  // namespace unik::wire
