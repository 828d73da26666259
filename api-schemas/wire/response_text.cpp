#include "wire/response_text.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "codec/json.hpp"
#include "wire/http_server.hpp"

namespace unik::wire {
namespace {

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

bool is_owned(std::string_view name) {
  for (const std::string_view owned : {"Content-Length", "Transfer-Encoding", "Connection", "Date", "X-Trace-Id"})
    if (iequals(name, owned)) return true;
  return false;
}

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

}  // namespace

std::string format_head(const ResponseHead& head) {
  std::string out;
  out.reserve(256);
  out += "HTTP/1.1 ";
  out += std::to_string(head.status);
  out += ' ';
  out += phrase_of(head.status);
  out += "\r\n";
  if (!head.content_type.empty()) append_field(out, "Content-Type", head.content_type);
  if (head.framing == Framing::kLength) append_field(out, "Content-Length", std::to_string(head.body_bytes));
  if (head.framing == Framing::kChunked) append_field(out, "Transfer-Encoding", "chunked");
  if (!head.keep_alive) append_field(out, "Connection", "close");
  if (head.keep_alive && !head.http11) append_field(out, "Connection", "keep-alive");
  append_field(out, "Date", head.date);
  append_field(out, "X-Trace-Id", head.trace_id);
  for (const auto& [name, value] : head.headers)
    if (!is_owned(name)) append_field(out, name, value);
  out += "\r\n";
  return out;
}

std::string format_http_date(WallTime time) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                                   kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                                   utc.tm_min, utc.tm_sec);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string format_chunk_size(std::size_t bytes) {
  std::array<char, 20> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), bytes, 16);
  return std::string(text.data(), end) + "\r\n";
}

HttpResponse error_response(Error error, std::string_view trace_id) {
  if (error.trace_id.empty()) error.trace_id = trace_id;
  HttpResponse response;
  response.status = traits(error.code).http_status;
  if (response.status == 429 || response.status == 503) response.headers.add("Retry-After", "1");
  response.body = codec::to_json(error);
  return response;
}

}  // namespace unik::wire
