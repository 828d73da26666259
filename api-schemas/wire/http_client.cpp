#include "wire/http_client.hpp"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "api/check.hpp"
#include "codec/json.hpp"
#include "wire/blocking_client.hpp"

namespace unik::wire {
namespace {

constexpr int kPollMs = 1000;  // at most, between looks at timers; commands wake it at once
constexpr int kPausedUploadPollMs = 50;
constexpr long kTransferBuffer = 256L << 10;  // bytes, for bodies that stream through a source or a sink
constexpr std::size_t kMaxResponseHeaders = 256;

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  UNIK_CHECK(started == CURLE_OK, "libcurl does not start");
}

long milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

// One request under way: options set, callbacks bound, outcome collected. Does not move.
class CurlTransfer {
 public:
  explicit CurlTransfer(const ClientRequest& request) : request_(request), easy_(curl_easy_init()) {
    UNIK_CHECK(easy_ != nullptr, "libcurl makes no handle");
    set_options();
  }
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;
  ~CurlTransfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }

  CURL* easy() const { return easy_; }
  bool upload_paused() const { return upload_paused_; }
  void resume_upload() {
    if (std::exchange(upload_paused_, false)) curl_easy_pause(easy_, CURLPAUSE_CONT);
  }

  Result<ClientResponse> outcome(CURLcode code);

 private:
  void set_options();
  void set_body();
  void set_headers();
  std::string why_not_connected(const std::string& detail) const;
  Error error_of_curl(CURLcode code) const;

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_upload(char* into, std::size_t size, std::size_t count, void* self);

  const ClientRequest& request_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> message_{};
  ClientResponse response_;
  std::string upload_rest_;  // given by the source and not yet taken
  bool upload_paused_ = false;
  bool too_large_ = false;
  bool aborted_ = false;
};

void CurlTransfer::set_options() {
  const Endpoint& endpoint = request_.endpoint;
  const bool unix = endpoint.scheme == Scheme::kUnix;
  const std::string url = (unix ? "http://localhost" : to_string(endpoint)) + request_.target;
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  if (unix) curl_easy_setopt(easy_, CURLOPT_UNIX_SOCKET_PATH, endpoint.socket_path.c_str());
  if (unix || is_loopback(endpoint)) curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  if (request_.max_redirects > 0) {
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
    curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, endpoint.scheme == Scheme::kHttps ? "https" : "http,https");
  }
  if (!request_.netrc.empty()) {
    curl_easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
    curl_easy_setopt(easy_, CURLOPT_NETRC_FILE, request_.netrc.c_str());
  }
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request_.connect_timeout));
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, milliseconds(request_.total_timeout));
  if (request_.stall_timeout > Duration::zero()) {
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::chrono::ceil<std::chrono::seconds>(request_.stall_timeout).count()));
  }
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, message_.data());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  if (request_.sink) curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kTransferBuffer);
  if (request_.upload) curl_easy_setopt(easy_, CURLOPT_UPLOAD_BUFFERSIZE, kTransferBuffer);
  set_body();
  set_headers();
}

void CurlTransfer::set_body() {
  if (request_.upload) {
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &on_upload);
    curl_easy_setopt(easy_, CURLOPT_READDATA, this);
    const curl_off_t size = request_.upload_size ? static_cast<curl_off_t>(*request_.upload_size) : -1;
    curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, size);
  } else if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT" ||
             request_.method == "PATCH") {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.data());
  } else if (request_.method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  }
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

void CurlTransfer::set_headers() {
  const auto add = [this](const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); };
  // libcurl names a form's type by itself for every POST, and waits for a 100 before bodies of more than 1 MiB.
  if (!request_.headers.has("Content-Type")) add("Content-Type:");
  if (!request_.upload) add("Expect:");
  for (const auto& [name, value] : request_.headers) {
    std::string line = name + (value.empty() ? ";" : ": " + value);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    add(line);
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = *static_cast<CurlTransfer*>(self);
  std::string_view line(data, size * count);
  // Each answer begins anew: those of 100 Continue and of redirects are not what was asked for.
  if (line.starts_with("HTTP/")) transfer.response_ = {};
  while (line.ends_with('\r') || line.ends_with('\n')) line.remove_suffix(1);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return size * count;
  if (transfer.response_.headers.size() >= kMaxResponseHeaders) {
    transfer.too_large_ = true;
    return 0;
  }
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  transfer.response_.headers.add(std::string(line.substr(0, colon)), std::string(value));
  return size * count;
}

std::size_t CurlTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = *static_cast<CurlTransfer*>(self);
  const std::string_view chunk(data, size * count);
  long status = 0;
  curl_easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.request_.sink && status >= 200 && status < 300) {
    transfer.aborted_ = !transfer.request_.sink(chunk);
    return transfer.aborted_ ? 0 : chunk.size();
  }
  if (transfer.response_.body.size() + chunk.size() > transfer.request_.max_response_bytes) {
    transfer.too_large_ = true;
    return 0;
  }
  transfer.response_.body.append(chunk);
  return chunk.size();
}

std::size_t CurlTransfer::on_upload(char* into, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t room = size * count;
  if (transfer.upload_rest_.empty()) {
    UploadChunk chunk = transfer.request_.upload(room);
    switch (chunk.kind) {
      case UploadChunk::Kind::kData:
        transfer.upload_rest_ = std::move(chunk.data);
        break;
      case UploadChunk::Kind::kEnd:
        return 0;
      case UploadChunk::Kind::kPause:
        transfer.upload_paused_ = true;
        return CURL_READFUNC_PAUSE;
      case UploadChunk::Kind::kAbort:
        transfer.aborted_ = true;
        return CURL_READFUNC_ABORT;
    }
  }
  const std::size_t taken = transfer.upload_rest_.copy(into, room);
  transfer.upload_rest_.erase(0, taken);
  return taken;
}

Result<ClientResponse> CurlTransfer::outcome(CURLcode code) {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  // A server that refuses an upload answers and closes while we still send: the answer is what counts.
  const bool answered_early = code == CURLE_SEND_ERROR && status >= 400;
  if (code != CURLE_OK && !answered_early) return error_of_curl(code);
  return std::move(response_);
}

// Of a socket libcurl speaks as of a host and a port, which nobody named.
std::string CurlTransfer::why_not_connected(const std::string& detail) const {
  if (request_.endpoint.scheme != Scheme::kUnix) return detail;
  long number = 0;
  curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &number);
  return number == 0 ? "it cannot be connected to" : std::generic_category().message(static_cast<int>(number));
}

Error CurlTransfer::error_of_curl(CURLcode code) const {
  const std::string where = to_string(request_.endpoint);
  const std::string detail = message_[0] != '\0' ? std::string(message_.data()) : std::string(curl_easy_strerror(code));
  if (aborted_) return unavailable("aborted", "the transfer with " + where + " was ended on this side");
  if (too_large_)
    return invalid("response_too_large", where + ": the answer is larger than " +
                                             std::to_string(request_.max_response_bytes) + " bytes; ask for less");
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return invalid("bad_url", where + request_.target + ": " + detail);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return unavailable("host_not_found", where + ": " + detail + "; check the host's name and this host's DNS");
    case CURLE_COULDNT_CONNECT:
      return unavailable("connection_refused", "no server answers at " + where + " (" + why_not_connected(detail) +
                                                   "); start it, or check the address");
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t connected = 0;
      curl_off_t total = 0;
      curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected);
      curl_easy_getinfo(easy_, CURLINFO_TOTAL_TIME_T, &total);
      if (connected == 0)
        return timed_out("connect_timeout", "no connection to " + where + " within " +
                                                format_duration(request_.connect_timeout) +
                                                "; check the address and the network");
      const bool whole = request_.total_timeout > Duration::zero() && Duration(total) >= request_.total_timeout;
      if (!whole)
        return timed_out("stalled", where + ": nothing was transferred for " + format_duration(request_.stall_timeout));
      return timed_out("request_timeout", where + ": no whole answer within " +
                                              format_duration(request_.total_timeout) +
                                              "; try again, or allow more time");
    }
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return unavailable("tls_failed", where + ": " + detail + "; check the server's certificate and the trusted CAs");
    default:
      return unavailable("connection_lost", where + ": " + detail);
  }
}

Error cancelled() {
  return unavailable("cancelled", "the request was cancelled on this side");
}

}  // namespace

BlockingClient::BlockingClient() {
  start_curl();
  multi_ = curl_multi_init();
  UNIK_CHECK(multi_ != nullptr, "libcurl makes no multi handle");
}

BlockingClient::~BlockingClient() {
  curl_multi_cleanup(multi_);
}

Result<ClientResponse> BlockingClient::fetch(const ClientRequest& request) {
  CurlTransfer transfer(request);
  UNIK_CHECK(curl_multi_add_handle(multi_, transfer.easy()) == CURLM_OK, "libcurl takes no transfer");
  CURLcode code = CURLE_OK;
  int running = 1;
  while (running > 0) {
    curl_multi_perform(multi_, &running);
    if (running > 0)
      curl_multi_poll(multi_, nullptr, 0, transfer.upload_paused() ? kPausedUploadPollMs : kPollMs, nullptr);
    transfer.resume_upload();
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left))
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  Result<ClientResponse> outcome = transfer.outcome(code);
  curl_multi_remove_handle(multi_, transfer.easy());
  return outcome;
}

Result<ClientResponse> fetch(const ClientRequest& request) {
  return BlockingClient().fetch(request);
}

Error error_of(const ClientResponse& response) {
  const auto named = [](ErrorCode code, std::string reason, std::string message) {
    Error error;
    error.code = code;
    error.reason = std::move(reason);
    error.message = std::move(message);
    return error;
  };
  if (response.body.starts_with('{')) return codec::error_from_json(response.body, response.status);
  const std::string text = "the server answered " + std::to_string(response.status) + " without saying why";
  switch (response.status) {
    case 401:
      return named(ErrorCode::kUnauthorized, "bad_answer", text + "; check the token");
    case 403:
      return named(ErrorCode::kForbidden, "bad_answer", text);
    case 404:
      return named(ErrorCode::kNotFound, "bad_answer", text + "; check that this is a unikctl control plane");
    case 409:
      return named(ErrorCode::kConflict, "bad_answer", text);
    case 429:
      return named(ErrorCode::kExhausted, "bad_answer", text);
    default:
      return codec::error_from_json(response.body, response.status);
  }
}

// --- HttpClient ---

// What other threads leave for the client's thread.
class ClientMailbox {
 public:
  explicit ClientMailbox(CURLM* multi) : multi_(multi) {}

  struct Taken {
    std::vector<std::shared_ptr<Transfer::State>> fresh;
    std::vector<std::shared_ptr<Transfer::State>> touched;  // cancelled or resumed
    bool ended = false;
  };

  void add(std::shared_ptr<Transfer::State> state);
  void touch(std::shared_ptr<Transfer::State> state);
  void end();
  Taken take();

 private:
  std::mutex mutex_;
  CURLM* multi_;  // outlives the time before `end`
  Taken waiting_;
};

struct Transfer::State {
  ClientRequest request;
  HttpClient::Callback callback;
  std::shared_ptr<ClientMailbox> mailbox;
  bool refused = false;
  std::atomic<bool> cancel = false;
  std::atomic<bool> resume = false;
  std::unique_ptr<CurlTransfer> curl;  // only on the client's thread, while under way
};

void ClientMailbox::add(std::shared_ptr<Transfer::State> state) {
  const std::lock_guard lock(mutex_);
  if (waiting_.ended) return;
  waiting_.fresh.push_back(std::move(state));
  curl_multi_wakeup(multi_);
}

void ClientMailbox::touch(std::shared_ptr<Transfer::State> state) {
  const std::lock_guard lock(mutex_);
  if (waiting_.ended) return;
  waiting_.touched.push_back(std::move(state));
  curl_multi_wakeup(multi_);
}

void ClientMailbox::end() {
  const std::lock_guard lock(mutex_);
  waiting_.ended = true;
  curl_multi_wakeup(multi_);
}

ClientMailbox::Taken ClientMailbox::take() {
  const std::lock_guard lock(mutex_);
  Taken taken = std::move(waiting_);
  waiting_ = {};
  waiting_.ended = taken.ended;
  return taken;
}

void Transfer::cancel() const {
  if (state_ && !state_->cancel.exchange(true)) state_->mailbox->touch(state_);
}

void Transfer::resume_upload() const {
  if (state_ && !state_->resume.exchange(true)) state_->mailbox->touch(state_);
}

struct HttpClient::Impl {
  CURLM* multi = curl_multi_init();
  std::shared_ptr<ClientMailbox> mailbox = std::make_shared<ClientMailbox>(multi);
  std::map<CURL*, std::shared_ptr<Transfer::State>> active;
  std::atomic<std::size_t> outstanding = 0;
  std::thread thread;

  void run();
  void begin(std::shared_ptr<Transfer::State> state);
  void look_at(const std::shared_ptr<Transfer::State>& state);
  void collect();
  void end(CURL* easy, std::optional<Error> error, CURLcode code);
  void tell(Transfer::State& state, Result<ClientResponse> outcome);
};

void HttpClient::Impl::run() {
  while (true) {
    ClientMailbox::Taken taken = mailbox->take();
    for (std::shared_ptr<Transfer::State>& state : taken.fresh) begin(std::move(state));
    for (const std::shared_ptr<Transfer::State>& state : taken.touched) look_at(state);
    if (taken.ended) break;
    int running = 0;
    curl_multi_perform(multi, &running);
    collect();
    curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr);
  }
  while (!active.empty()) end(active.begin()->first, cancelled(), CURLE_OK);
}

void HttpClient::Impl::begin(std::shared_ptr<Transfer::State> state) {
  if (state->refused)
    return tell(*state,
                exhausted("too_many_transfers", "this program has as many requests under way as it may: try again"));
  if (state->cancel) return tell(*state, cancelled());
  state->curl = std::make_unique<CurlTransfer>(state->request);
  CURL* const easy = state->curl->easy();
  UNIK_CHECK(curl_multi_add_handle(multi, easy) == CURLM_OK, "libcurl takes no transfer");
  active.emplace(easy, std::move(state));
}

void HttpClient::Impl::look_at(const std::shared_ptr<Transfer::State>& state) {
  if (!state->curl) return;  // over, or told of its cancellation already
  if (state->cancel) return end(state->curl->easy(), cancelled(), CURLE_OK);
  if (state->resume.exchange(false)) state->curl->resume_upload();
}

void HttpClient::Impl::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left))
    if (message->msg == CURLMSG_DONE) end(message->easy_handle, std::nullopt, message->data.result);
}

void HttpClient::Impl::end(CURL* easy, std::optional<Error> error, CURLcode code) {
  const auto found = active.find(easy);
  const std::shared_ptr<Transfer::State> state = std::move(found->second);
  active.erase(found);
  Result<ClientResponse> outcome = error ? Result<ClientResponse>(std::move(*error)) : state->curl->outcome(code);
  curl_multi_remove_handle(multi, easy);
  state->curl.reset();
  tell(*state, std::move(outcome));
}

// The callback, source and sink are destroyed here too: they may hold the handle of this very transfer.
void HttpClient::Impl::tell(Transfer::State& state, Result<ClientResponse> outcome) {
  const Callback callback = std::exchange(state.callback, nullptr);
  state.request = {};
  --outstanding;
  if (callback) callback(std::move(outcome));
}

HttpClient::HttpClient() {
  start_curl();
  impl_ = std::make_unique<Impl>();
  UNIK_CHECK(impl_->multi != nullptr, "libcurl makes no multi handle");
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals belong to the program's main thread
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

HttpClient::~HttpClient() {
  UNIK_CHECK(std::this_thread::get_id() != impl_->thread.get_id(), "a client ended on its own thread waits for itself");
  impl_->mailbox->end();
  impl_->thread.join();
  curl_multi_cleanup(impl_->multi);
}

Transfer HttpClient::send(ClientRequest request, Callback callback) {
  auto state = std::make_shared<Transfer::State>();
  state->request = std::move(request);
  state->callback = std::move(callback);
  state->mailbox = impl_->mailbox;
  state->refused = ++impl_->outstanding > kMaxTransfers;
  impl_->mailbox->add(state);
  return Transfer(std::move(state));
}

}  // namespace unik::wire
