#include "wire/request_parser.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "api/check.hpp"
#include "wire/http_server.hpp"

namespace unik::wire {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::system::error_code;
using boost::beast::string_view;

constexpr std::size_t kShortestChunk = 5;  // `0` and two line breaks

Refusal refuse(int status, std::string reason, std::string message) {
  return {status, invalid(std::move(reason), std::move(message))};
}

Refusal bad_request(std::string message) {
  return refuse(400, "bad_request", "bad request: " + std::move(message));
}

// Puts what Beast finds into a RequestHead; fields after the head (a chunked body's trailer) are dropped.
class Collector final : public http::basic_parser<true> {
 public:
  RequestHead head;
  std::string_view piece;  // of the body, of the last put
  std::size_t fields = 0;  // the trailer's too

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version, BeastError&) override {
    head.method.assign(method.data(), method.size());
    head.target.assign(target.data(), target.size());
    head.http11 = version == 11;
  }
  void on_field_impl(http::field, string_view name, string_view value, BeastError& error) override {
    if (++fields > kMaxHeaderFields) {
      error = http::error::header_limit;
      return;
    }
    if (!head_done_) head.headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(BeastError&) override { head_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(string_view body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_finish_impl(BeastError&) override {}
  void on_response_impl(int, string_view, int, BeastError&) override {}

  bool head_done_ = false;
};

bool is_host_value(std::string_view host) {
  for (const char c : host)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '/' || c == '@' || c == ',' || c == '\\')
      return false;
  return true;
}

// What Beast lets pass and we do not.
std::optional<Refusal> refusal_of(const RequestHead& head) {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  for (const auto& [name, value] : head.headers) {
    if (iequals(name, "Host")) {
      ++hosts;
      if (!is_host_value(value)) return bad_request("Host holds a character that no host name has");
    } else if (iequals(name, "Content-Length")) {
      ++lengths;
      if (value.find(',') != std::string::npos) return bad_request("want one Content-Length");
    } else if (iequals(name, "Transfer-Encoding")) {
      ++codings;
      if (!iequals(value, "chunked"))
        return refuse(501, "unsupported_transfer_encoding", "Transfer-Encoding: want chunked alone");
    } else if (iequals(name, "Expect") && !iequals(value, "100-continue")) {
      return refuse(417, "bad_request", "Expect: want 100-continue");
    }
  }
  if (head.http11 && hosts != 1) return refuse(400, "missing_host", "HTTP/1.1: want exactly one Host field");
  if (hosts > 1) return bad_request("want at most one Host field");
  if (lengths > 1) return bad_request("want one Content-Length");
  if (codings > 1) return bad_request("want one Transfer-Encoding");
  if (lengths > 0 && codings > 0) return bad_request("Content-Length and Transfer-Encoding exclude each other");
  if (codings > 0 && !head.http11) return bad_request("HTTP/1.0 has no Transfer-Encoding");
  return std::nullopt;
}

Refusal header_too_large() {
  return refuse(431, "header_too_large", "request header: want at most 32 KiB and 128 fields");
}

// Only what Beast says while reading a body or a malformed head arrives here.
Refusal refusal_of(const BeastError& error) {
  if (error == http::error::header_limit) return header_too_large();
  if (error == http::error::bad_version) return refuse(505, "unsupported_version", "want HTTP/1.1 or HTTP/1.0");
  return bad_request(error.message());
}

}  // namespace

struct RequestParser::Impl {
  std::optional<Collector> beast;
  std::size_t head_bytes = 0;
  bool head_told = false;
  bool seen = false;
  bool in_line = false;  // of a chunk's size, or of the trailer
  std::optional<Refusal> refused;

  Progress refuse_with(Refusal refusal) {
    refused = std::move(refusal);
    return {Step::kRefused, 0};
  }
  Progress read_head(std::string_view input);
  Progress read_body(std::string_view input);
};

RequestParser::Progress RequestParser::Impl::read_head(std::string_view input) {
  std::size_t blank = 0;
  if (head_bytes == 0)  // RFC 9112 2.2: line breaks before a request line are skipped
    while (input.substr(blank).starts_with("\r\n")) blank += 2;
  input.remove_prefix(blank);
  // Lone bytes of a line break between requests are no request yet.
  if (input.empty() || (head_bytes == 0 && input == "\r")) return {Step::kNeedMore, blank};
  seen = true;
  BeastError error;
  const std::size_t used = beast->put({input.data(), input.size()}, error);
  head_bytes += used;
  if (error && error != http::error::need_more) return refuse_with(refusal_of(error));
  const bool whole = beast->is_header_done();
  // Beast counts only the bytes that it has not consumed, so many short lines in many pieces would add up unseen.
  if (head_bytes + (whole ? 0 : input.size() - used) > kMaxHeaderBytes) return refuse_with(header_too_large());
  if (!whole) return {Step::kNeedMore, blank + used};
  if (std::optional<Refusal> why = refusal_of(beast->head)) return refuse_with(std::move(*why));
  RequestHead& head = beast->head;
  head.keep_alive = beast->keep_alive();
  head.has_body = !beast->is_done();
  head.expects_continue = head.http11 && head.has_body && head.headers.has("Expect");
  if (const auto length = beast->content_length()) head.content_length = *length;
  head_told = true;
  return {Step::kHead, blank + used};
}

RequestParser::Progress RequestParser::Impl::read_body(std::string_view input) {
  std::size_t used = 0;
  while (!beast->is_done()) {
    // Beast 1.81 asserts that at least 5 bytes of a last chunk are there whenever it is asked again. Waiting for them
    // costs nothing: a chunk's line, with what must follow it, is never shorter.
    if (used == input.size() || (in_line && input.size() - used < kShortestChunk)) return {Step::kNeedMore, used};
    BeastError error;
    beast->piece = {};
    const std::size_t taken = beast->put({input.data() + used, input.size() - used}, error);
    used += taken;
    in_line = error == http::error::need_more;
    if (!beast->piece.empty()) return {Step::kBody, used};
    if (in_line) {
      // The line of a chunk's size, or the whole trailer, must fit into what a connection keeps.
      if (input.size() - used >= kMaxPipelinedBytes)
        return refuse_with(bad_request("chunk header or trailer too long"));
      return {Step::kNeedMore, used};
    }
    if (error) return refuse_with(refusal_of(error));
  }
  return {Step::kDone, used};
}

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {
  reset();
}
RequestParser::~RequestParser() = default;

void RequestParser::reset() {
  impl_->beast.emplace();
  impl_->beast->eager(false);
  impl_->beast->header_limit(kMaxHeaderBytes);
  impl_->beast->body_limit(boost::none);  // the connection counts, against its BodyPolicy
  impl_->head_bytes = 0;
  impl_->head_told = false;
  impl_->seen = false;
  impl_->in_line = false;
}

RequestParser::Progress RequestParser::next(std::string_view input) {
  if (impl_->refused) return {Step::kRefused, 0};
  return impl_->head_told ? impl_->read_body(input) : impl_->read_head(input);
}

bool RequestParser::started() const {
  return impl_->seen;
}
RequestHead& RequestParser::head() {
  return impl_->beast->head;
}
std::string_view RequestParser::body() const {
  return impl_->beast->piece;
}

Refusal& RequestParser::refusal() {
  UNIK_CHECK(impl_->refused.has_value(), "asked why, but nothing was refused");
  return *impl_->refused;
}

}  // namespace unik::wire
