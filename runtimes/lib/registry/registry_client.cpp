#include "runtimes/lib/registry/registry_client.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "codec/json_reader.hpp"
#include "runtimes/lib/oci/image_index.hpp"
#include "runtimes/lib/registry/challenge.hpp"
#include "wire/blocking_client.hpp"
#include "wire/clock.hpp"

namespace unik::runtimes {
namespace {

using wire::ClientRequest;
using wire::ClientResponse;

constexpr Duration kLongestPause = std::chrono::seconds(8);
constexpr Duration kLongestAsked = std::chrono::seconds(60);  // of a Retry-After that is honoured
constexpr Duration kDocumentTimeout = std::chrono::seconds(60);
constexpr int kMaxRedirects = 5;
constexpr int kMaxUploadStarts = 3;  // of one blob, after a registry forgot what it had
constexpr std::string_view kAccepted =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

bool may_pass(int status) {
  return status == 408 || status == 429 || (status >= 500 && status != 501);
}

bool may_pass(const Error& error) {
  return traits(error.code).retryable && error.reason != "aborted" && error.reason != "tls_failed" &&
         error.reason != "host_not_found";
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// What the registry says of an error: `code: message` of the first, without what could steer a terminal.
std::string told(const ClientResponse& response) {
  std::string text;
  if (const auto document = codec::JsonDocument::parse(response.body)) {
    const codec::JsonView first = document->root()["errors"].at(0);
    text = first["code"].text_or("");
    if (const auto message = first["message"].text(); message && !message->empty())
      text += (text.empty() ? "" : ": ") + std::string(*message);
  }
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text.substr(0, kMaxErrorText);
}

// The bytes that a registry has of an upload: `Range: 0-N`, N included; nothing where it has none.
std::int64_t received(const ClientResponse& response) {
  const std::string_view range = response.headers.get("Range");
  const std::size_t dash = range.rfind('-');
  const auto last = dash == std::string_view::npos ? std::nullopt : number(range.substr(dash + 1));
  // Some say `0-0` for nothing at all; a single byte is asked for again then, which costs nothing.
  return last && *last > 0 ? *last + 1 : 0;
}

}  // namespace

class RegistryClient::State {
 public:
  State(const ImageName& name, RegistryOptions options)
      : registry_(name.registry), repository_(name.repository), options_(std::move(options)) {
    UNIK_CHECK(!registry_.empty(), "a registry's client without a registry");
    if (!options_.pause) options_.pause = [](Duration pause) { std::this_thread::sleep_for(pause); };
  }

  const std::string& registry() const { return registry_; }
  const std::string& repository() const { return repository_; }

  Result<void> ping() {
    const std::lock_guard lock(ping_mutex_);
    if (pinged_) return {};
    auto endpoint = find_endpoint();
    if (!endpoint) return std::move(endpoint).error();
    ClientRequest request;
    request.endpoint = *endpoint;
    request.target = "/v2/";
    auto answer = try_again([&] { return fetch(request); });
    // A loopback registry without TLS does not understand the greeting.
    const bool no_tls =
        !answer && (answer.error().reason == "tls_failed" || answer.error().reason == "connection_lost");
    if (no_tls && wire::is_loopback(*endpoint) && endpoint->scheme == wire::Scheme::kHttps) {
      request.endpoint.scheme = wire::Scheme::kHttp;
      answer = try_again([&] { return fetch(request); });
    }
    if (!answer) return std::move(answer).error();
    if (answer->status != 200 && answer->status != 401 && answer->status != 403) return error_of(*answer, "/v2/");
    endpoint_ = request.endpoint;
    {
      const std::lock_guard guard(mutex_);
      challenges_ = challenges_of(answer->headers);
    }
    pinged_ = true;
    return {};
  }

  ClientRequest request(std::string method, const std::string& path) const {
    ClientRequest request;
    request.method = std::move(method);
    request.endpoint = endpoint_;
    request.target = "/v2/" + repository_ + "/" + path;
    request.total_timeout = kDocumentTimeout;
    return request;
  }

  // Sends with what the registry wants to know of us; on a 401, learns what that is and sends once more.
  Result<ClientResponse> send(ClientRequest request, const std::vector<std::string>& scopes) {
    if (!same_place(request.endpoint)) return fetch(request);  // nothing of ours is for others
    for (int round = 0;; ++round) {
      auto authorization = authorize(scopes, round > 0);
      if (!authorization) return std::move(authorization).error();
      ClientRequest attempt = request;
      if (!authorization->empty()) attempt.headers.set("Authorization", *authorization);
      auto answer = fetch(attempt);
      if (!answer || answer->status != 401 || round > 0) return answer;
      const auto fresh = challenges_of(answer->headers);
      if (fresh.empty()) return answer;
      const std::lock_guard lock(mutex_);
      challenges_ = fresh;
    }
  }

  // `send`, and again with growing pauses while the failure may pass.
  Result<ClientResponse> send_patiently(const ClientRequest& request, const std::vector<std::string>& scopes) {
    return try_again([&] { return send(request, scopes); });
  }

  template <typename Send>
  Result<ClientResponse> try_again(const Send& send) {
    for (int attempt = 1;; ++attempt) {
      Result<ClientResponse> answer = send();
      const bool passing = answer ? may_pass(answer->status) : may_pass(answer.error());
      if (!passing || attempt >= options_.attempts) return answer;
      pause(attempt, answer ? &*answer : nullptr);
    }
  }

  void pause(int attempt, const ClientResponse* answer = nullptr) {
    Duration pause = std::min(options_.first_pause * (1 << std::min(attempt - 1, 10)), kLongestPause);
    const auto asked = answer == nullptr ? std::nullopt : number(answer->headers.get("Retry-After"));
    if (asked) pause = std::max(pause, std::min<Duration>(std::chrono::seconds(*asked), kLongestAsked));
    options_.pause(pause);
  }

  Error error_of(const ClientResponse& response, const std::string& what) const {
    const std::string said = told(response);
    const std::string message = registry_ + ": " + what + ": the registry answered " + std::to_string(response.status) +
                                (said.empty() ? "" : " (" + said + ")");
    switch (response.status) {
      case 401:
        return Error{ErrorCode::kUnauthorized,
                     "registry_unauthorized",
                     message + (options_.credentials ? "; check the credentials in ~/.docker/config.json"
                                                     : "; put credentials for it into ~/.docker/config.json"),
                     {},
                     {}};
      case 403:
        return Error{
            ErrorCode::kForbidden, "registry_forbidden", message + "; ask for the right to this repository", {}, {}};
      case 404:
        return not_found("no_such_image", message + "; check the name and the tag");
      case 429:
        return exhausted("registry_busy", message + "; try again later");
      default:
        break;
    }
    if (response.status >= 500) return unavailable("registry_failed", message + "; try again");
    return invalid("registry_refused", message);
  }

  Duration stall() const { return options_.stall; }
  int attempts() const { return options_.attempts; }
  wire::Endpoint endpoint() const { return endpoint_; }

  // Where an upload goes on. Relative, or on another host.
  Result<void> follow(const ClientResponse& answer, ClientRequest& request) const {
    const std::string location(answer.headers.get("Location"));
    if (location.starts_with('/')) {
      request.endpoint = endpoint_;
      request.target = location;
      return {};
    }
    auto url = wire::parse_url(location);
    if (!url)
      return unavailable("registry_failed", registry_ + ": want a Location for the upload, got `" + location + "`");
    if (url->endpoint.scheme == wire::Scheme::kHttp && endpoint_.scheme == wire::Scheme::kHttps)
      return unavailable("registry_failed", registry_ + ": the upload was sent from https to http, which is refused");
    request.endpoint = url->endpoint;
    request.target = url->target;
    return {};
  }

 private:
  Result<wire::Endpoint> find_endpoint() const {
    auto endpoint = wire::parse_endpoint((options_.plain_http ? "http://" : "https://") + registry_);
    if (!endpoint) return invalid("bad_image_name", "registry `" + registry_ + "`: want HOST or HOST:PORT");
    return endpoint;
  }

  bool same_place(const wire::Endpoint& endpoint) const { return endpoint == endpoint_; }

  // Connections are lent to one request at a time.
  Result<ClientResponse> fetch(const ClientRequest& request) {
    std::unique_ptr<wire::BlockingClient> client;
    {
      const std::lock_guard lock(mutex_);
      if (!clients_.empty()) {
        client = std::move(clients_.back());
        clients_.pop_back();
      }
    }
    if (!client) client = std::make_unique<wire::BlockingClient>();
    auto answer = client->fetch(request);
    const std::lock_guard lock(mutex_);
    if (clients_.size() < kMaxRegistryClients) clients_.push_back(std::move(client));
    return answer;
  }

  // The value of `Authorization`, empty where none is wanted. `again`: what was sent last was refused.
  Result<std::string> authorize(const std::vector<std::string>& scopes, bool again) {
    std::vector<Challenge> challenges;
    {
      const std::lock_guard lock(mutex_);
      challenges = challenges_;
    }
    const auto with = [&](std::string_view scheme) {
      return std::find_if(challenges.begin(), challenges.end(),
                          [&](const Challenge& challenge) { return challenge.scheme == scheme; });
    };
    if (const auto bearer = with("bearer"); bearer != challenges.end()) return token_for(*bearer, scopes, again);
    if (with("basic") != challenges.end() && options_.credentials && !options_.credentials->user.empty())
      return basic_authorization(options_.credentials->user, options_.credentials->password);
    return std::string();
  }

  Result<std::string> token_for(const Challenge& challenge, const std::vector<std::string>& scopes, bool again) {
    std::string key;
    for (const std::string& scope : scopes) key += scope + " ";
    const std::lock_guard lock(token_mutex_);  // one asks, the others wait for its answer
    const Time now = wire::read_clock().boot;
    if (const auto it = tokens_.find(key); it != tokens_.end() && !again && now < it->second.good_until)
      return "Bearer " + it->second.text;
    auto token = ask_token(challenge, scopes);
    if (!token) return std::move(token).error();
    tokens_[key] = {token->text, now + token->lifetime * 3 / 4};
    return "Bearer " + token->text;
  }

  Result<Token> ask_token(const Challenge& challenge, const std::vector<std::string>& scopes) {
    const auto detail = [&](std::string_view name) {
      const auto it = challenge.details.find(name);
      return it == challenge.details.end() ? std::string() : it->second;
    };
    auto realm = wire::parse_url(detail("realm"));
    if (!realm) return unavailable("registry_failed", registry_ + ": want the URL of a token server, got none");
    const bool plain = realm->endpoint.scheme == wire::Scheme::kHttp;
    if (plain && !wire::is_loopback(realm->endpoint) && !options_.plain_http)
      return unavailable("insecure_realm",
                         registry_ + ": its token server " + to_string(realm->endpoint) +
                             " speaks no TLS; credentials are not sent there (--plain-http allows it)");
    ClientRequest request;
    request.endpoint = realm->endpoint;
    request.target = realm->target;
    std::string query = "service=" + wire::percent_encode(detail("service"));
    const auto& credentials = options_.credentials;
    if (credentials && !credentials->identity_token.empty()) {
      std::string joined;
      for (const std::string& scope : scopes) joined += (joined.empty() ? "" : " ") + scope;
      request.method = "POST";
      request.headers.set("Content-Type", "application/x-www-form-urlencoded");
      request.body = "grant_type=refresh_token&client_id=unikctl&" + query + "&scope=" + wire::percent_encode(joined) +
                     "&refresh_token=" + wire::percent_encode(credentials->identity_token);
    } else {
      for (const std::string& scope : scopes) query += "&scope=" + wire::percent_encode(scope);
      request.target += (request.target.find('?') == std::string::npos ? "?" : "&") + query;
      if (credentials && !credentials->user.empty())
        request.headers.set("Authorization", basic_authorization(credentials->user, credentials->password));
    }
    auto answer = try_again([&] { return fetch(request); });
    if (!answer) return std::move(answer).error();
    if (!answer->ok()) return error_of(*answer, "token");
    return parse_token(answer->body);
  }

  struct KeptToken {
    std::string text;
    Time good_until{};
  };

  const std::string registry_;
  const std::string repository_;
  RegistryOptions options_;

  std::mutex ping_mutex_;
  bool pinged_ = false;
  wire::Endpoint endpoint_;  // as of the ping

  std::mutex mutex_;
  std::vector<Challenge> challenges_;
  std::vector<std::unique_ptr<wire::BlockingClient>> clients_;

  std::mutex token_mutex_;
  std::map<std::string, KeptToken> tokens_;  // by scopes
};

RegistryClient::RegistryClient(const ImageName& name, RegistryOptions options)
    : state_(std::make_unique<State>(name, std::move(options))) {}
RegistryClient::~RegistryClient() = default;

const std::string& RegistryClient::registry() const {
  return state_->registry();
}
const std::string& RegistryClient::repository() const {
  return state_->repository();
}

Result<void> RegistryClient::ping() {
  return state_->ping();
}

// ---- Manifests ----

Result<RemoteDocument> RegistryClient::manifest(std::string_view reference) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request("GET", "manifests/" + std::string(reference));
  request.headers.set("Accept", std::string(kAccepted));
  request.max_response_bytes = static_cast<std::size_t>(kMaxDocumentBytes);
  auto answer = state_->send_patiently(request, {scope_of(repository(), false)});
  if (!answer) return std::move(answer).error();
  const std::string what = repository() + ":" + std::string(reference);
  if (!answer->ok()) return state_->error_of(*answer, what);
  RemoteDocument document{std::move(answer->body), std::string(answer->headers.get("Content-Type")), {}};
  document.digest = sha256(document.text);
  // By digest, that digest must match; by tag, the one that the registry says it sent.
  const auto wanted = parse_digest(reference);
  const auto said = parse_digest(answer->headers.get("Docker-Content-Digest"));
  for (const auto& expected : {wanted, said})
    if (expected && *expected != document.digest)
      return invalid("digest_mismatch", registry() + ": " + what + ": want " + to_string(*expected) +
                                            ", got bytes of " + to_string(document.digest) +
                                            "; the registry or a proxy is at fault");
  return document;
}

Result<Digest> RegistryClient::manifest_digest(std::string_view reference) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request("HEAD", "manifests/" + std::string(reference));
  request.headers.set("Accept", std::string(kAccepted));
  auto answer = state_->send_patiently(request, {scope_of(repository(), false)});
  if (!answer) return std::move(answer).error();
  if (!answer->ok()) return state_->error_of(*answer, repository() + ":" + std::string(reference));
  if (const auto digest = parse_digest(answer->headers.get("Docker-Content-Digest"))) return *digest;
  auto document = manifest(reference);  // a registry that does not say it in the head
  if (!document) return std::move(document).error();
  return document->digest;
}

Result<bool> RegistryClient::put_manifest(std::string_view reference, std::string_view text,
                                          std::string_view media_type) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request("PUT", "manifests/" + std::string(reference));
  request.headers.set("Content-Type", std::string(media_type));
  request.body = text;
  auto answer = state_->send_patiently(request, {scope_of(repository(), true)});
  // A tag has no digest that could be wrong: the registry has read what another writes just now.
  const auto is_half_written = [&] {
    return answer && answer->status == 400 && told(*answer).starts_with("DIGEST_INVALID") && !parse_digest(reference);
  };
  for (int attempt = 1; is_half_written() && attempt < state_->attempts(); ++attempt) {
    state_->pause(attempt);
    answer = state_->send_patiently(request, {scope_of(repository(), true)});
  }
  if (!answer) return std::move(answer).error();
  if (!answer->ok()) return state_->error_of(*answer, repository() + ":" + std::string(reference));
  const auto said = parse_digest(answer->headers.get("Docker-Content-Digest"));
  if (said && *said != sha256(text))
    return invalid("digest_mismatch",
                   registry() + ": stored the manifest as " + to_string(*said) + ", want " + to_string(sha256(text)));
  return !answer->headers.get("OCI-Subject").empty();
}

Result<std::optional<std::string>> RegistryClient::referrers(const Digest& subject) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request("GET", "referrers/" + to_string(subject));
  request.headers.set("Accept", std::string(kIndexMediaType));
  request.max_response_bytes = static_cast<std::size_t>(kMaxDocumentBytes);
  auto answer = state_->send_patiently(request, {scope_of(repository(), false)});
  if (!answer) return std::move(answer).error();
  if (answer->status == 401 || answer->status == 403 || answer->status >= 500)
    return state_->error_of(*answer, "referrers of " + to_string(subject));
  // Older registries know no such path and say so in many ways.
  if (!answer->ok() || !is_image_index(answer->body)) return std::optional<std::string>();
  return std::optional<std::string>(std::move(answer->body));
}

// ---- Blobs ----

Result<bool> RegistryClient::has_blob(const Digest& digest) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request("HEAD", "blobs/" + to_string(digest));
  request.max_redirects = kMaxRedirects;
  auto answer = state_->send_patiently(request, {scope_of(repository(), false)});
  if (!answer) return std::move(answer).error();
  if (answer->status == 404) return false;
  if (!answer->ok()) return state_->error_of(*answer, "blob " + to_string(digest));
  return true;
}

Result<void> RegistryClient::fetch_blob(const Digest& digest, std::int64_t size, const BlobSink& sink,
                                        std::int64_t from) {
  if (auto pinged = ping(); !pinged) return pinged;
  std::int64_t done = from;
  int restarts = 0;  // a registry that knows no ranges, or states more bytes than it has, would cause them for ever
  for (int attempt = 1; done < size || size == 0;) {
    const std::int64_t before = done;
    std::optional<Error> problem;
    bool overflow = false;
    ClientRequest request = state_->request("GET", "blobs/" + to_string(digest));
    request.max_redirects = kMaxRedirects;
    request.total_timeout = Duration::zero();
    request.stall_timeout = state_->stall();
    if (done > 0) request.headers.set("Range", "bytes=" + std::to_string(done) + "-" + std::to_string(size - 1));
    request.sink = [&](std::string_view chunk) {
      overflow = static_cast<std::int64_t>(chunk.size()) > size - done;
      if (overflow) return false;
      if (auto taken = sink.take(chunk); !taken) problem = taken.error();
      done += static_cast<std::int64_t>(chunk.size());
      return !problem;
    };
    auto answer = state_->send(request, {scope_of(repository(), false)});
    if (problem) return *problem;
    // More than there is: another blob, or the whole of it where a part was asked for.
    const bool whole_again = before > 0 && (overflow || (answer && answer->status == 200));
    if (overflow && !whole_again)
      return invalid("digest_mismatch", registry() + ": blob " + to_string(digest) + ": want " + std::to_string(size) +
                                            " bytes, got more; the registry or a proxy is at fault");
    if (answer && answer->status == 404)
      return not_found("no_such_blob", registry() + ": " + repository() + " has no blob " + to_string(digest));
    if (answer && !answer->ok() && !may_pass(answer->status))
      return state_->error_of(*answer, "blob " + to_string(digest));
    if (!whole_again && answer && answer->ok() && done == size) return {};
    if (!answer && !overflow && !may_pass(answer.error())) return std::move(answer).error();
    attempt = done > before && !whole_again ? 1 : attempt + 1;
    if (attempt > state_->attempts()) {
      if (answer) return state_->error_of(*answer, "blob " + to_string(digest));
      return std::move(answer).error();
    }
    if (whole_again && ++restarts == state_->attempts())
      return unavailable("registry_failed", registry() + ": blob " + to_string(digest) + ": want " +
                                                std::to_string(size) + " bytes, got fewer, and all of it anew, " +
                                                std::to_string(restarts) + " times; try again later");
    if (whole_again) {
      if (auto restarted = sink.restart(); !restarted) return restarted;
      done = 0;
    }
    state_->pause(attempt, answer ? &*answer : nullptr);
  }
  return {};
}

Result<bool> RegistryClient::mount_blob(const Digest& digest, std::string_view from_repository) {
  if (auto pinged = ping(); !pinged) return pinged.error();
  ClientRequest request = state_->request(
      "POST", "blobs/uploads/?mount=" + to_string(digest) + "&from=" + wire::percent_encode(from_repository));
  auto answer = state_->send_patiently(request, {scope_of(repository(), true), scope_of(from_repository, false)});
  // A token server that gives no token for both repositories may give one for this alone: the blob is sent then.
  if (!answer && !traits(answer.error().code).retryable) return false;
  if (!answer) return std::move(answer).error();
  if (answer->status == 201) return true;
  if (answer->status == 202) {
    // It opened an upload instead; left open, it would lie there until the registry sweeps.
    ClientRequest cancel = request;
    cancel.method = "DELETE";
    if (state_->follow(*answer, cancel)) (void)state_->send(cancel, {scope_of(repository(), true)});
    return false;
  }
  if (answer->status == 404 || answer->status == 405 || answer->status == 401 || answer->status == 403) return false;
  return state_->error_of(*answer, "blob " + to_string(digest));
}

Result<void> RegistryClient::push_blob(const Digest& digest, std::int64_t size, const BlobSource& read,
                                       const OnSent& sent) {
  if (auto pinged = ping(); !pinged) return pinged;
  const std::vector<std::string> scopes{scope_of(repository(), true)};
  const std::string what = "blob " + to_string(digest);
  for (int start = 1;; ++start) {
    auto opened = state_->send_patiently(state_->request("POST", "blobs/uploads/"), scopes);
    if (!opened) return std::move(opened).error();
    if (opened->status != 202) return state_->error_of(*opened, what);
    ClientRequest place = state_->request("PATCH", "");
    if (auto followed = state_->follow(*opened, place); !followed) return followed;

    std::int64_t done = 0;
    bool forgotten = false;
    for (int attempt = 1; done < size && !forgotten;) {
      const std::int64_t length = std::min(kUploadChunk.value, size - done);
      ClientRequest chunk = place;
      chunk.method = "PATCH";
      chunk.body.resize(static_cast<std::size_t>(length));
      auto got = read(done, chunk.body);
      if (!got) return std::move(got).error();
      if (*got != chunk.body.size())
        return Error{ErrorCode::kConflict, "source_changed", what + ": it became shorter while it was sent", {}, {}};
      chunk.total_timeout = Duration::zero();
      chunk.stall_timeout = state_->stall();
      chunk.headers.set("Content-Type", "application/octet-stream");
      chunk.headers.set("Content-Range", std::to_string(done) + "-" + std::to_string(done + length - 1));
      auto answer = state_->send(chunk, scopes);
      if (answer && (answer->status == 202 || answer->status == 204)) {
        if (auto followed = state_->follow(*answer, place); !followed) return followed;
        done += length;
        attempt = 1;
        if (sent) sent(done);
        continue;
      }
      const bool lost =
          answer ? may_pass(answer->status) || answer->status == 416 || answer->status == 404 || answer->status == 400
                 : may_pass(answer.error());
      if (!lost || attempt >= state_->attempts()) {
        if (answer) return state_->error_of(*answer, what);
        return std::move(answer).error();
      }
      state_->pause(attempt++, answer ? &*answer : nullptr);
      // What of it arrived? The answer also says under which address the upload goes on.
      ClientRequest question = place;
      question.method = "GET";
      auto there = state_->send_patiently(question, scopes);
      if (!there) return std::move(there).error();
      if (there->status != 204) {
        forgotten = true;
        break;
      }
      if (auto followed = state_->follow(*there, place); !followed) return followed;
      const std::int64_t has = received(*there);
      if (has > size) {
        forgotten = true;
      } else {
        if (has > done) attempt = 1;
        done = has;
      }
    }
    if (!forgotten) {
      ClientRequest close = place;
      close.method = "PUT";
      close.target += (close.target.find('?') == std::string::npos ? "?" : "&") + std::string("digest=") +
                      wire::percent_encode(to_string(digest));
      close.total_timeout = Duration::zero();
      close.stall_timeout = state_->stall() * 5;  // a registry may hash the whole of it here
      auto answer = state_->send(close, scopes);
      if (answer && answer->status == 201) return {};
      if (answer && answer->status == 400 && told(*answer).starts_with("DIGEST_INVALID"))
        return invalid("digest_mismatch", registry() + ": " + what + ": the registry got other bytes; try again");
      const bool lost = answer ? may_pass(answer->status) || answer->status == 404 || answer->status == 416
                               : may_pass(answer.error());
      if (lost) {
        // A cut may have come after the registry was done.
        auto there = has_blob(digest);
        if (there && *there) return {};
      }
      if (!lost || start == kMaxUploadStarts) {
        if (answer) return state_->error_of(*answer, what);
        return std::move(answer).error();
      }
    } else if (start == kMaxUploadStarts) {
      return unavailable("registry_failed", registry() + ": " + what + ": the registry forgot the upload " +
                                                std::to_string(start) + " times; try again later");
    }
    if (sent) sent(0);
    state_->pause(start);
  }
}

}  // namespace unik::runtimes
