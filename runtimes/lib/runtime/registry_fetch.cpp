#include "runtimes/lib/runtime/registry_fetch.hpp"

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "wire/http_client.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFileUrl = "file://";
constexpr int kRegistryRedirects = 5;
constexpr std::size_t kMaxEtag = 1024;
constexpr Bytes kMaxKept{static_cast<std::int64_t>(kMaxRegistryBytes + kMaxEtag)};

// What was kept of an answer: its ETag on the first line, then the registry.
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

Result<wire::ClientResponse> ask(const std::string& url, const std::string& etag) {
  const auto parsed = wire::parse_url(url);
  if (!parsed) return parsed.error();
  wire::ClientRequest request;
  request.endpoint = parsed->endpoint;
  request.target = parsed->target;
  request.total_timeout = kRegistryTimeout;
  request.max_response_bytes = kMaxRegistryBytes;
  request.max_redirects = kRegistryRedirects;
  if (!etag.empty()) request.headers.add("If-None-Match", etag);
  return wire::fetch(request);
}

class RegistryFetch {
 public:
  RegistryFetch(const ConfiguredRegistry& configured, std::string url, const fs::path& cache)
      : configured_(configured), url_(std::move(url)), cache_(cache, url_) {}

  Result<FetchedRegistry> run() {
    if (url_.starts_with(kFileUrl)) return from_file();
    const std::optional<Kept> kept = cache_.find();
    const auto answer = ask(url_, kept ? kept->etag : "");
    if (!answer || is_passing(answer->status))
      return from_kept(kept, answer ? wire::error_of(*answer) : answer.error());
    if (answer->status == 304 && kept) return read(kept->text, false);
    if (!answer->ok())
      return not_found("no_such_registry", "registry " + configured_.name + ": want a file at " + url_ +
                                               ", the answer was status " + std::to_string(answer->status));
    auto fetched = read(answer->body, false);
    if (!fetched) return from_kept(kept, fetched.error());  // the page of a proxy, or of a login
    cache_.keep(std::string(answer->headers.get("ETag")), answer->body);
    return fetched;
  }

 private:
  // Says something of the way there or of the server, and nothing of the registry.
  static bool is_passing(int status) {
    return status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
  }
  Result<FetchedRegistry> read(const std::string& text, bool stale) const {
    auto registry = parse_runtime_registry(text, "registry " + configured_.name + " (" + url_ + ")");
    if (!registry) return std::move(registry).error();
    return FetchedRegistry{configured_, url_, *std::move(registry), stale};
  }
  Result<FetchedRegistry> from_file() const {
    const auto text = read_file(fs::path(url_.substr(kFileUrl.size())), kMaxKept);
    if (!text) return not_found("no_such_registry", "registry " + configured_.name + ": " + text.error().message);
    return read(*text, false);
  }
  Result<FetchedRegistry> from_kept(const std::optional<Kept>& kept, Error error) const {
    if (kept)
      if (auto fetched = read(kept->text, true)) return fetched;
    if (!error.message.starts_with("registry ")) error.message = "registry " + configured_.name + ": " + error.message;
    return error;
  }

  const ConfiguredRegistry& configured_;
  std::string url_;
  RegistryCache cache_;
};

}  // namespace

Result<FetchedRegistry> fetch_registry(const ConfiguredRegistry& configured, const fs::path& cache) {
  auto url = registry_file_url(configured.url);
  if (!url) return std::move(url).error();
  return RegistryFetch(configured, *std::move(url), cache).run();
}

std::vector<FetchedRegistry> fetch_registries(std::span<const ConfiguredRegistry> configured, const fs::path& cache,
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
    auto registry = fetch_registry(one, cache);
    if (!registry) {
      if (say) say(registry.error().message + "; going on without it");
      if (unheard.empty() && one.public_key) unheard = one.name;
      continue;
    }
    if (registry->stale && say)
      say("registry " + one.name + " gives no answer that can be used; going by its last one, of " +
          registry->registry.updated_at);
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
