// An HTTP/1.1 server on unix sockets and TCP addresses, built for many parked requests and long streams.
//
// A request goes to the one handler, on an I/O thread; the handler must neither block nor throw. It answers through the
// Responder, then or later and from any thread, exactly once: with a whole response, or with a stream that is written
// bit by bit. Nobody is ever left hanging: the last copy of an unanswered Responder sends a 500 `internal`/`no_answer`,
// and the last copy of an unfinished Stream cuts the connection, so that the client can tell it from a whole answer.
//
// Every response carries `X-Trace-Id`. What the server itself refuses is answered with the API's error envelope:
// `invalid` with bad_request 400 (417 for an unknown Expect), missing_host 400, header_too_large 431, body_too_large
// 413, unsupported_transfer_encoding 501, unsupported_version 505; `timeout` with header_timeout or body_timeout 408;
// `unavailable` with too_many_connections or too_many_bytes 503. After each of them the connection closes.
//
// Requests of one connection are answered in order; while one is at work the next waits unread or, up to
// kMaxPipelinedBytes, in a buffer. A client that closes is noticed while its request is parked. One that only shuts
// down its sending side still gets its answer if that comes within `Limits::half_close`; after that it counts as gone
// (over TCP the two look alike).
//
// Handles (Responder, Stream, BodyStream) are small, copyable and thread-safe, and may outlive the server: they then do
// nothing. All callbacks run on an I/O thread, one at a time for one connection, and must neither block nor throw. A
// callback that holds its own handle keeps it alive until the exchange ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/error.hpp"
#include "api/result.hpp"
#include "api/time.hpp"
#include "api/units.hpp"
#include "wire/endpoint.hpp"
#include "wire/http_message.hpp"

namespace unik::wire {

inline constexpr std::size_t kMaxHeaderBytes = 32 << 10;  // request line and fields together
inline constexpr std::size_t kMaxHeaderFields = 128;
inline constexpr std::size_t kMaxPipelinedBytes = 64 << 10;  // read ahead of the request at work
inline constexpr std::size_t kMaxStreamBuffer = 4 << 20;     // written to one Stream and not yet taken by the kernel
inline constexpr std::size_t kStreamLowWater = 1 << 20;      // where `on_drain` tells to go on

// Who is on the other side.
struct Peer {
  std::string address;               // `127.0.0.1:41234`, `[::1]:41234`; `unix` for a unix socket
  std::optional<std::uint32_t> uid;  // of the process that connected, unix sockets only (SO_PEERCRED)

  bool operator==(const Peer&) const = default;
};

// A request's body as it arrives, for uploads without end. It waits until `start` is called.
class BodyStream {
 public:
  using OnData = std::function<void(std::string_view chunk)>;  // `chunk` is gone after the call; at most 64 KiB
  using OnEnd = std::function<void(Result<void>)>;             // once, the last call

  // Once. `on_end` gets `unavailable`/`client_gone`, `invalid`/`body_too_large` or `invalid`/`bad_request` when the
  // body did not come whole; in the last two cases the server itself has answered. Answering before the end drops the
  // rest of the body: no more callbacks, and the connection closes after the answer.
  void start(OnData on_data, OnEnd on_end) const;

  // Stops reading from the client, and so in the end its sending. Called in `on_data` it holds at once, from another
  // thread a chunk may still come. While paused a client that goes away is not noticed.
  void pause() const;
  void resume() const;

  struct State;
  explicit BodyStream(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

struct HttpRequest {
  std::string method;
  std::string target;  // as sent
  std::string path;    // decoded, begins with `/`; no empty, `.` or `..` segment, no %2F, no control
  std::map<std::string, std::string> query;  // decoded; a key given twice was refused
  Headers headers;
  std::string body;                  // whole, unless `stream`
  std::optional<BodyStream> stream;  // when the BodyPolicy said so
  Peer peer;
  std::string trace_id;  // from `X-Trace-Id` or `traceparent` where valid, else new
};

struct HttpResponse {
  int status = 200;
  Headers headers;  // beside Content-Length, Content-Type, Connection, Date and X-Trace-Id, which the server writes
  std::string body;
  std::string content_type = "application/json";  // empty: none is sent

  bool operator==(const HttpResponse&) const = default;
};

// The envelope `{"error": …}` with the status of its code; 429 and 503 also say `Retry-After: 1`. The server fills in
// the trace id where the error has none.
HttpResponse error_response(Error error, std::string_view trace_id);

// A response that is written bit by bit: chunked, or to the end of the connection for HTTP/1.0.
class Stream {
 public:
  // False, and nothing is kept, once the client is gone, or when `buffered()` would pass kMaxStreamBuffer: the client
  // was too slow, and the connection is cut, because what it would miss cannot be told. A producer that can wait asks
  // `buffered()` first and goes on at `on_drain`.
  bool write(std::string chunk) const;

  // Ends the response well; whatever was written is still sent. Later calls do nothing.
  void finish() const;

  // Ends the response so that the client sees that it is not whole. What has not been sent is dropped. Later calls do
  // nothing.
  void cut() const;

  // Bytes that the kernel has not taken yet. Only `write` makes it grow.
  std::size_t buffered() const;

  // Called each time that `buffered()` falls to kStreamLowWater or less after it was above; at once when it is not
  // above.
  void on_drain(std::function<void()> callback) const;

  // Called once when the client went away before `finish`; soon when it is already gone.
  void on_close(std::function<void()> callback) const;

  struct State;
  explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

// The right to answer one request. Every call after the first answer does nothing.
class Responder {
 public:
  void send(HttpResponse response) const;
  void send(const Error& error) const;  // error_response

  // Sends status and headers. A Content-Type belongs in `headers`. After an answer, or when the client is gone, the
  // Stream takes nothing.
  Stream start_stream(int status, Headers headers) const;

  // Called once when the client went away before the answer; soon when it is already gone.
  void on_close(std::function<void()> callback) const;

  // False once it was answered or the client went away: for parked requests that are looked through.
  bool waiting() const;

  struct State;
  explicit Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

using HttpHandler = std::function<void(HttpRequest, Responder)>;

// How the body of a request is taken, asked for when its header is there. Beyond `max_bytes` the answer is 413.
struct BodyPolicy {
  bool streamed = false;  // the handler is called at header time, with `HttpRequest::stream`
  std::uint64_t max_bytes = 1 << 20;

  bool operator==(const BodyPolicy&) const = default;
};

using BodyPolicyFor = std::function<BodyPolicy(std::string_view method, std::string_view path)>;

struct ServerLimits {
  std::size_t max_connections = 20'000;              // beyond: 503 with Retry-After, then closed
  Bytes buffered_bodies = mebibytes(512);            // of all connections together; beyond: 503
  Duration header = std::chrono::seconds(10);        // from the first byte of a request to the end of its header
  Duration idle = std::chrono::seconds(60);          // between requests
  Duration body_stall = std::chrono::seconds(30);    // of a buffered body, without a byte
  Duration body_total = std::chrono::minutes(10);    // of a buffered body, as a whole
  Duration write_stall = std::chrono::seconds(30);   // of a response, without a byte taken
  Duration stream_stall = std::chrono::minutes(10);  // the same for a Stream: people pause a pager
  Duration half_close = std::chrono::seconds(2);
  Duration linger = std::chrono::seconds(2);  // reading on after an early answer, so that the client gets it

  bool operator==(const ServerLimits&) const = default;
};

struct ListenAddress {
  Endpoint endpoint;       // unix or http; port 0 picks a free one
  bool owner_only = true;  // a unix socket gets mode 0600, otherwise 0666

  bool operator==(const ListenAddress&) const = default;
};

struct ServerOptions {
  std::vector<ListenAddress> listen;
  int threads = 1;
  BodyPolicyFor body_policy;  // empty: the default BodyPolicy for all
  ServerLimits limits;
};

struct ServerStats {
  std::uint64_t connections = 0;  // open now
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  // answered by the server itself with an error
};

class HttpServer {
 public:
  // Listens, and serves from then on. A unix socket's file is replaced only if nobody answers on it. Errors:
  // `conflict`/`address_in_use`, `invalid`/`bad_listen_address`, `unavailable`/`cannot_listen`, each naming the
  // address.
  static Result<HttpServer> start(ServerOptions options, HttpHandler handler);

  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) = delete;
  ~HttpServer();  // stop(0)

  // What it listens on, ports filled in, in the order of ServerOptions::listen.
  const std::vector<Endpoint>& endpoints() const;

  ServerStats stats() const;

  // Accepts no more, closes idle connections, lets requests at work end until `grace` is over, then closes what is left
  // (their `on_close` is called) and joins the threads. Unix socket files are removed. Blocks; not from an I/O thread.
  // A second call does nothing.
  void stop(Duration grace);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::wire
