#include "runtimes/lib/runtime/registry_fetch.hpp"

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/oci_registry.hpp"
#include "runtimes/lib/runtime/registry_access.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "wire/http_client.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFileUrl = "file://";
constexpr int kRegistryRedirects = 5;
constexpr std::size_t kMaxEtag = 1024;
constexpr Bytes kMaxKept{static_cast<std::int64_t>(kMaxRegistryBytes + kMaxEtag)};

// What was kept of an answer: its ETag, or the digest of its artifact, on the first line, then the registry.
struct Kept {
  std::string etag;
  std::string text;
};

class RegistryCache {
 public:
  RegistryCache(const fs::path& directory, const std::string& url) : file_(directory / to_hex(sha256(url))) {}

  std::optional<Kept> find() const {
    const auto text = read_file(file_, kMaxKept);
    const std::size_t end = text ? text->find('\n') : std::string::npos;
    if (end == std::string::npos) return std::nullopt;
    return Kept{text->substr(0, end), text->substr(end + 1)};
  }
  // A cache that cannot be written is no reason to fail.
  void keep(const std::string& etag, const std::string& text) const {
    if (etag.size() > kMaxEtag || etag.find('\n') != std::string::npos) return;
    if (auto made = make_directories(file_.parent_path()); !made) return;
    if (auto written = replace_file(file_, etag + "\n" + text); !written) return;
  }

 private:
  fs::path file_;
};

// What there is to say of a registry; no text: what was kept under its ETag holds.
struct RegistryText {
  std::string etag;
  std::optional<std::string> text;
};

Error no_such_registry(const std::string& why) {
  return not_found("no_such_registry", why);
}

Result<RegistryText> ask_server(const std::string& url, const std::string& etag,
                                const std::map<std::string, std::string>& environment) {
  const auto parsed = wire::parse_url(url);
  if (!parsed) return parsed.error();
  wire::ClientRequest request;
  request.endpoint = parsed->endpoint;
  request.target = parsed->target;
  request.total_timeout = kRegistryTimeout;
  request.max_response_bytes = kMaxRegistryBytes;
  request.max_redirects = kRegistryRedirects;
  request.netrc = netrc_of(environment);
  if (!etag.empty()) request.headers.add("If-None-Match", etag);
  auto answer = wire::fetch(request);
  if (!answer) return answer.error();
  const int status = answer->status;
  if (answer->ok()) return RegistryText{std::string(answer->headers.get("ETag")), std::move(answer->body)};
  if (status == 304 && !etag.empty()) return RegistryText{etag, std::nullopt};
  if (status == 401 || status == 403) return refused_access(url, status);
  // Of the way there or of the server, and nothing of the registry.
  if (status == 408 || status == 429 || status >= 500) return server_failed(url, status);
  return no_such_registry("want a file at " + url + ", the answer was status " + std::to_string(status));
}

Result<RegistryText> ask_namespace(const std::string& url, const std::string& state,
                                   const std::map<std::string, std::string>& environment) {
  auto file = read_oci_registry(url, state, environment, kOciRegistryAttempts);
  if (file) return RegistryText{file->state, std::move(file->text)};
  if (file.error().code == ErrorCode::kNotFound) return no_such_registry(file.error().message);
  return std::move(file).error();
}

class RegistryFetch {
 public:
  RegistryFetch(const ConfiguredRegistry& configured, std::string url, const fs::path& cache,
                const std::map<std::string, std::string>& environment)
      : configured_(configured), url_(std::move(url)), cache_(cache, url_), environment_(environment) {}

  Result<FetchedRegistry> run() {
    if (url_.starts_with(kFileUrl)) return from_file();
    const std::optional<Kept> kept = cache_.find();
    const auto ask = is_oci_url(url_) ? ask_namespace : ask_server;
    const auto answer = ask(url_, kept ? kept->etag : "", environment_);
    if (!answer) return from_kept(kept, answer.error());
    if (!answer->text) return read(kept->text);
    auto fetched = read(*answer->text);
    if (!fetched) return from_kept(kept, fetched.error());  // the page of a proxy, or of a login
    cache_.keep(answer->etag, *answer->text);
    return fetched;
  }

 private:
  Result<FetchedRegistry> read(const std::string& text, std::string stale = {}) const {
    auto registry = parse_runtime_registry(text, "registry " + configured_.name + " (" + url_ + ")");
    if (!registry) return std::move(registry).error();
    return FetchedRegistry{configured_, url_, *std::move(registry), std::move(stale)};
  }
  Result<FetchedRegistry> from_file() const {
    const auto text = read_file(fs::path(url_.substr(kFileUrl.size())), kMaxKept);
    if (!text) return no_such_registry("registry " + configured_.name + ": " + text.error().message);
    return read(*text);
  }
  // A registry that says that it is gone is gone.
  Result<FetchedRegistry> from_kept(const std::optional<Kept>& kept, Error error) const {
    if (kept && error.reason != "no_such_registry")
      if (auto fetched = read(kept->text, error.message)) return fetched;
    if (!error.message.starts_with("registry ")) error.message = "registry " + configured_.name + ": " + error.message;
    return error;
  }

  const ConfiguredRegistry& configured_;
  std::string url_;
  RegistryCache cache_;
  const std::map<std::string, std::string>& environment_;
};

}  // namespace

Result<FetchedRegistry> fetch_registry(const ConfiguredRegistry& configured, const fs::path& cache,
                                       const std::map<std::string, std::string>& environment) {
  auto url = registry_file_url(configured.url);
  if (!url) return std::move(url).error();
  return RegistryFetch(configured, *std::move(url), cache, environment).run();
}

std::vector<FetchedRegistry> fetch_registries(std::span<const ConfiguredRegistry> configured, const fs::path& cache,
                                              const std::map<std::string, std::string>& environment,
                                              const SayStep& say) {
  std::vector<FetchedRegistry> fetched;
  std::string unheard;  // the first with a key that could not be had
  for (const ConfiguredRegistry& one : configured) {
    if (!one.enabled) continue;
    if (!unheard.empty() && !one.public_key) {
      if (say)
        say("registry " + one.name + " has no public_key and stands behind " + unheard +
            ", which has one and might have had the word; going on without it");
      continue;
    }
    auto registry = fetch_registry(one, cache, environment);
    if (!registry) {
      if (say) say(registry.error().message + "; going on without it");
      if (unheard.empty() && one.public_key) unheard = one.name;
      continue;
    }
    if (!registry->stale.empty() && say)
      say("registry " + one.name + " gives no answer that can be used; going by its last one, of " +
          registry->registry.updated_at + ": " + registry->stale);
    for (const std::string& fault : registry->registry.faults)
      if (say) say("registry " + one.name + ": " + fault + "; left out");
    fetched.push_back(*std::move(registry));
  }
  return fetched;
}

Result<FoundRelease> find_in_registries(std::span<const FetchedRegistry> registries, const RuntimeName& wanted) {
  std::optional<Error> last;
  std::string told;
  for (const FetchedRegistry& registry : registries) {
    auto release = find_release(registry.registry, wanted);
    if (release) return FoundRelease{&registry, wanted.name, *std::move(release)};
    last = std::move(release).error();
    told += (told.empty() ? "" : "; ") + ("registry " + registry.configured.name) + ": " + last->message;
    // It has the name, so it has the word: another's version of it would be something else.
    if (last->reason != "no_such_runtime") break;
  }
  if (!last)
    return not_found("no_such_runtime", "runtime " + to_string(wanted) +
                                            ": no registry could be asked; `runtimes.registries` of config.yaml names "
                                            "them");
  last->message = "runtime " + to_string(wanted) + ": " + told;
  return *std::move(last);
}

}  // namespace unik::runtimes
