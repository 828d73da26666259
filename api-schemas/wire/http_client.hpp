// An HTTP/1.1 client over TCP, TLS and unix sockets.
//
// `fetch` blocks and is for the CLI. HttpClient runs any number of transfers on one thread of its own and is for the
// agent. A response of any status is a response; an Error means that there was none:
//   `unavailable`: connection_refused (no server, no socket file), host_not_found, tls_failed, connection_lost,
//                  cancelled (also by the client's end), aborted (a source or sink said so);
//   `timeout`: connect_timeout, request_timeout, stalled;
//   `invalid`: bad_url, response_too_large.
// Messages say what to do. `error_of` turns a response that is not 2xx into the Error that the server meant.
//
// Proxies of the environment are used for https and http, never for unix sockets and loopback. Redirects are followed
// only where asked, never from https to http. Connections are kept and used again within one HttpClient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/error.hpp"
#include "api/result.hpp"
#include "api/time.hpp"
#include "wire/endpoint.hpp"
#include "wire/http_message.hpp"

namespace unik::wire {

// What an upload source gives when asked.
struct UploadChunk {
  enum class Kind : std::uint8_t {
    kData,   // `data`, not empty, at most what was asked for
    kEnd,    // the body is whole
    kPause,  // nothing now: asked again after Transfer::resume_upload
    kAbort,  // the body cannot be finished: the transfer fails
  };
  Kind kind = Kind::kEnd;
  std::string data;
};
using UploadSource = std::function<UploadChunk(std::size_t max_bytes)>;

// Takes a 2xx body as it comes; false ends the transfer with `aborted`.
using DownloadSink = std::function<bool(std::string_view chunk)>;

struct ClientRequest {
  std::string method = "GET";
  Endpoint endpoint;
  std::string target = "/";  // path and query, already encoded
  Headers headers;
  std::string body;
  UploadSource upload;                       // instead of `body`
  std::optional<std::uint64_t> upload_size;  // known: Content-Length; otherwise chunked
  DownloadSink sink;                         // instead of ClientResponse::body, for 2xx only

  Duration connect_timeout = std::chrono::seconds(10);
  Duration total_timeout = std::chrono::seconds(30);  // 0: none (parked requests, streams, big blobs)
  Duration stall_timeout{0};  // whole seconds without a byte either way; 0: none. Counts waiting for an answer too
  std::size_t max_response_bytes = std::size_t{16} << 20;  // of a body that goes to no sink
  int max_redirects = 0;
  std::string netrc;  // a file in .netrc's form: who we are to the host, and to those that it redirects to; empty: none
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
  bool operator==(const ClientResponse&) const = default;
};

// Runs one transfer on this thread; source, sink and kPause: a paused upload is asked again every 50 ms.
Result<ClientResponse> fetch(const ClientRequest& request);

// What a response that is not 2xx means: the API's envelope, or, where the body is none, what the status says.
Error error_of(const ClientResponse& response);

// A handle on a transfer under way; copyable, any thread, may outlive the client.
class Transfer {
 public:
  Transfer() = default;  // of nothing: every call does nothing

  // The callback gets `unavailable`/`cancelled` soon, unless the answer was quicker.
  void cancel() const;
  // After a kPause.
  void resume_upload() const;

  struct State;
  explicit Transfer(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

class HttpClient {
 public:
  using Callback = std::function<void(Result<ClientResponse>)>;

  HttpClient();
  // Cancels what is under way and waits until every callback has returned. Not from a callback.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  static constexpr std::size_t kMaxTransfers = 4096;  // at once; beyond: `exhausted`/`too_many_transfers`

  // `callback`, source and sink run on the client's thread and must neither block nor throw; `callback` runs exactly
  // once, never inside `send`. They may call `send`; once the client is ending, what they send is dropped. Any thread.
  Transfer send(ClientRequest request, Callback callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::wire
