#include "runtimes/lib/runtime/runtime_registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/time.hpp"
#include "codec/json_reader.hpp"
#include "codec/nearest.hpp"

namespace unik::runtimes {
namespace {

using codec::JsonView;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxReleasePlatforms = 64;
constexpr std::size_t kMaxSaid = 80;  // of a text that is none of what is wanted

Error bad_registry(const std::string& name, const std::string& why) {
  return invalid("bad_registry", name + ": want a registry of runtimes, " + why);
}

std::string said_of(JsonView value) {
  if (!value.exists() || value.is_null()) return "nothing";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a mapping";
  if (const auto text = value.text()) return "`" + std::string(text->substr(0, kMaxSaid)) + "`";
  if (const auto number = value.integer()) return std::to_string(*number);
  if (const auto yes = value.boolean()) return *yes ? "true" : "false";
  return "a number that is no whole one";
}

class ReleaseReader {
 public:
  explicit ReleaseReader(JsonView entry) : entry_(entry) {}

  Result<RuntimeRelease> read(const RuntimeVersion& version) {
    RuntimeRelease release;
    release.version = version;
    if (!entry_.is_object()) return wrong("want a release, got something else");
    if (const auto said = entry_["version"].text(); said && *said != to_string(version))
      return wrong("version: want `" + to_string(version) + "`, as its key says, got `" + std::string(*said) + "`");
    release.description = entry_["description"].text_or("");
    release.download_url = entry_["download_url"].text_or("");
    if (release.download_url.empty()) return wrong("download_url: is missing");
    auto checksum = parse_digest(entry_["checksum"].text_or(""));
    if (!checksum) return wrong("checksum: " + checksum.error().message);
    release.checksum = *checksum;
    release.size = entry_["size"].integer().value_or(0);
    if (release.size < 1 || release.size > kMaxPackageBytes)
      return wrong("size: want 1 to " + std::to_string(kMaxPackageBytes) + " bytes, got " + said_of(entry_["size"]));
    if (auto read = read_platforms(release); !read) return std::move(read).error();
    if (auto read = read_rest(release); !read) return std::move(read).error();
    return release;
  }

 private:
  static Error wrong(const std::string& what) { return invalid("bad_release", what); }

  Result<void> read_platforms(RuntimeRelease& release) const {
    const JsonView platforms = entry_["platforms"];
    if (!platforms.is_array() || platforms.size() == 0 || platforms.size() > kMaxReleasePlatforms)
      return wrong("platforms: want a list of 1 to " + std::to_string(kMaxReleasePlatforms) + ", got " +
                   (platforms.is_array() ? "one of " + std::to_string(platforms.size()) : said_of(platforms)));
    for (JsonView one = platforms.first(); one.exists(); one = one.next()) {
      const auto text = one.text();
      if (!text) return wrong("platforms: want texts such as linux/amd64, got " + said_of(one));
      release.platforms.emplace_back(*text);
    }
    return {};
  }

  Result<void> read_rest(RuntimeRelease& release) const {
    if (const JsonView image = entry_["image_digest"]; image.exists() && !image.is_null()) {
      auto digest = parse_digest(image.text_or(""));
      if (!digest) return wrong("image_digest: " + digest.error().message);
      release.image_digest = *digest;
    }
    release.signature = entry_["signature"].text_or("");
    release.released_at = entry_["released_at"].text_or("");
    if (const JsonView yanked = entry_["yanked"]; yanked.exists()) {
      if (!yanked.boolean()) return wrong("yanked: want true or false, got " + said_of(yanked));
      release.yanked = *yanked.boolean();
    }
    return {};
  }

  JsonView entry_;
};

// The versions of one runtime; what is wrong with one goes to `faults`.
void read_releases(JsonView versions, const std::string& name, RuntimeRegistry& out) {
  if (!is_runtime_name(name)) {
    const auto whole = parse_runtime_name(name);
    out.faults.push_back("runtimes." + name + ": " +
                         (whole ? "want a name alone, without registry and version" : whole.error().message));
    return;
  }
  if (!versions.is_object()) {
    out.faults.push_back("runtimes." + name + ": want its versions, got something else");
    return;
  }
  RuntimeReleases releases;
  for (JsonView entry = versions.first(); entry.exists(); entry = entry.next()) {
    const std::string place = "runtimes." + name + "." + std::string(entry.key()) + ": ";
    const auto version = parse_runtime_version(entry.key());
    if (!version) {
      out.faults.push_back(place + version.error().message);
      continue;
    }
    auto release = ReleaseReader(entry).read(*version);
    if (release)
      releases.emplace(*version, *std::move(release));
    else
      out.faults.push_back(place + release.error().message);
  }
  if (!releases.empty()) out.runtimes.emplace(name, std::move(releases));
}

std::string versions_in(const RuntimeReleases& releases) {
  std::string text;
  for (auto it = releases.rbegin(); it != releases.rend(); ++it)
    text += (text.empty() ? "" : ", ") + to_string(it->first) + (it->second.yanked ? " (yanked)" : "");
  return text;
}

Error no_such_runtime(const RuntimeRegistry& registry, const std::string& name) {
  std::string there;
  std::vector<std::string_view> names;
  for (const auto& [known, releases] : registry.runtimes) {
    names.push_back(known);
    there += (there.empty() ? "" : ", ") + known;
  }
  const auto near = codec::nearest(name, names);
  return not_found("no_such_runtime", "want a runtime of the registry, got `" + name + "`" +
                                          (near ? "; did you mean `" + std::string(*near) + "`?" : "") + "; there is " +
                                          (there.empty() ? "none" : there));
}

// ---- Writing ----

Json json_of(const RuntimeRelease& release) {
  Json entry = {{"version", to_string(release.version)},
                {"description", release.description},
                {"download_url", release.download_url},
                {"checksum", to_string(release.checksum)},
                {"size", release.size},
                {"platforms", release.platforms}};
  if (release.image_digest) entry["image_digest"] = to_string(*release.image_digest);
  if (!release.signature.empty()) entry["signature"] = release.signature;
  if (!release.released_at.empty()) entry["released_at"] = release.released_at;
  if (release.yanked) entry["yanked"] = true;
  return entry;
}

// `object` with one member more, before the first that it is `less` than.
template <typename Less>
Json with_member(const Json& object, const std::string& key, Json value, Less less) {
  Json out = Json::object();
  bool placed = false;
  for (const auto& [name, member] : object.items()) {
    if (!placed && less(key, name)) {
      out[key] = value;
      placed = true;
    }
    out[name] = member;
  }
  if (!placed) out[key] = std::move(value);
  return out;
}

// What cannot be read as a version stays before what can.
bool is_older(const std::string& a, const std::string& b) {
  const auto left = parse_runtime_version(a), right = parse_runtime_version(b);
  return left && right && *left < *right;
}

// Read by our own reader first, which refuses what a second one might take otherwise.
Result<Json> editable(std::string_view text) {
  if (text.empty()) return Json{{"version", kRegistryVersion}, {"updated_at", ""}, {"runtimes", Json::object()}};
  if (auto read = parse_runtime_registry(text, std::string(kRegistryFile)); !read) return std::move(read).error();
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return bad_registry(std::string(kRegistryFile), "found no JSON");
  return json;
}

std::optional<RuntimeRelease> release_in(std::string_view text, const std::string& name,
                                         const RuntimeVersion& version) {
  const auto registry = parse_runtime_registry(text, std::string(kRegistryFile));
  if (!registry) return std::nullopt;
  auto release = find_release(*registry, {"", name, to_string(version)});
  return release ? std::optional<RuntimeRelease>(*std::move(release)) : std::nullopt;
}

std::string printed(Json& registry, const std::string& updated_at) {
  registry["updated_at"] = updated_at;
  return registry.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<RuntimeRegistry> parse_runtime_registry(std::string_view text, const std::string& name) {
  const auto document = codec::JsonDocument::parse(text, kMaxRegistryBytes);
  if (!document) return bad_registry(name, "found " + document.error().message);
  const JsonView root = document->root();
  const auto version = root["version"].text();
  if (!version) return bad_registry(name, "found no text `version`");
  if (*version != kRegistryVersion)
    return bad_registry(name, "of version " + std::string(kRegistryVersion) + ", found version " +
                                  std::string(*version) + "; a newer unikctl may read it");
  if (!root["runtimes"].is_object()) return bad_registry(name, "found no mapping `runtimes`");
  std::size_t releases = 0;
  RuntimeRegistry registry;
  registry.updated_at = root["updated_at"].text_or("");
  for (JsonView runtime = root["runtimes"].first(); runtime.exists(); runtime = runtime.next()) {
    releases += runtime.size();
    if (releases > kMaxRegistryReleases)
      return bad_registry(name, "of at most " + std::to_string(kMaxRegistryReleases) + " releases, found more");
    read_releases(runtime, std::string(runtime.key()), registry);
  }
  return registry;
}

Result<RuntimeRelease> find_release(const RuntimeRegistry& registry, const RuntimeName& wanted) {
  const auto runtime = registry.runtimes.find(wanted.name);
  if (runtime == registry.runtimes.end()) return no_such_runtime(registry, wanted.name);
  const RuntimeReleases& releases = runtime->second;
  if (wanted.version.empty()) {
    for (auto it = releases.rbegin(); it != releases.rend(); ++it)
      if (!it->second.yanked) return it->second;
    return not_found("no_such_version", "runtime " + wanted.name + ": want a release that is not yanked; there is " +
                                            versions_in(releases) + "; name a version to take it all the same");
  }
  auto version = parse_runtime_version(wanted.version);
  if (!version) return std::move(version).error();
  const auto release = releases.find(*version);
  if (release == releases.end())
    return not_found("no_such_version", "runtime " + wanted.name + ": want version " + wanted.version + "; there is " +
                                            versions_in(releases));
  return release->second;
}

Result<std::string> add_release(std::string_view text, const std::string& name, const RuntimeRelease& release,
                                const std::string& updated_at) {
  auto registry = editable(text);
  if (!registry) return std::move(registry).error();
  Json& runtimes = (*registry)["runtimes"];
  const std::string version = to_string(release.version);
  const Json versions = runtimes.value(name, Json::object());
  if (versions.contains(version))
    return conflict("release_exists", "runtime " + name + "@" + version +
                                          ": is published already, and what was published is never overwritten; raise "
                                          "the version in its manifest.yaml");
  Json more = with_member(versions, version, json_of(release), is_older);
  if (runtimes.contains(name))
    runtimes[name] = std::move(more);
  else
    runtimes = with_member(runtimes, name, std::move(more), std::less<std::string>());
  return printed(*registry, updated_at);
}

Result<std::string> yank_release(std::string_view text, const std::string& name, const RuntimeVersion& version,
                                 const std::string& updated_at) {
  const auto read = parse_runtime_registry(text, std::string(kRegistryFile));
  if (!read) return read.error();
  if (auto found = find_release(*read, {"", name, to_string(version)}); !found) return std::move(found).error();
  auto registry = editable(text);
  if (!registry) return std::move(registry).error();
  (*registry)["runtimes"][name][to_string(version)]["yanked"] = true;
  return printed(*registry, updated_at);
}

RegistryChange addition_of(std::string name, RuntimeRelease release) {
  RegistryChange change;
  change.apply = [=](std::string_view text) { return add_release(text, name, release, release.released_at); };
  change.is_made = [=](std::string_view text) {
    const auto there = release_in(text, name, release.version);
    return there && there->checksum == release.checksum && there->signature == release.signature;
  };
  return change;
}

RegistryChange yank_of(std::string name, RuntimeVersion version, std::string updated_at) {
  RegistryChange change;
  change.apply = [=](std::string_view text) { return yank_release(text, name, version, updated_at); };
  change.is_made = [=](std::string_view text) {
    const auto there = release_in(text, name, version);
    return there && there->yanked;
  };
  return change;
}

}  // namespace unik::runtimes
