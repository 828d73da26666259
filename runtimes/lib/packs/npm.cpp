// npm: package-lock.json, whose entries carry the hashes that `npm ci` holds what it fetches to.
#include <nlohmann/json.hpp>

#include "runtimes/lib/oci/json_text.hpp"
#include "runtimes/lib/packs/node_project.hpp"
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

using nlohmann::json;

std::optional<Evidence> detect_npm(const SourceTree& source) {
  if (source.has("package.json")) return Evidence{"package.json"};
  for (const char* file :
       {"server.js", "server.mjs", "app.js", "app.mjs", "index.js", "index.mjs", "main.js", "main.mjs"})
    if (source.has(file)) return Evidence{file, false};
  return std::nullopt;
}

// A lock is foreign input: what has another type than npm gives it counts as not there.
bool says(const json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_boolean() && found->get<bool>();
}

// Its own hash: `git+ssh://git@example.com/x.git#COMMIT`, `github:owner/x#COMMIT`.
bool is_commit(const std::string& source) {
  constexpr std::size_t kCommitDigits = 40;
  const std::size_t hash = source.rfind('#');
  const bool git = source.starts_with("git") || source.starts_with("bitbucket:");  // git:, git+, github:, gitlab:
  return git && hash != std::string::npos && source.size() - hash - 1 == kCommitDigits &&
         source.find_first_not_of("0123456789abcdef", hash + 1) == std::string::npos;
}

// A tarball or a package of a registry; what is linked or bundled lies in another, or in the source.
bool is_fetched(const std::string& path, const json& entry) {
  if (path.empty() || !entry.is_object() || says(entry, "link")) return false;
  if (!path.starts_with("node_modules/") && path.find("/node_modules/") == std::string::npos) return false;
  const std::string resolved = text_member(entry, "resolved");
  return !is_commit(resolved) && !(says(entry, "inBundle") && resolved.empty());
}

// The same of an entry as npm before 7 writes it, where `version` may be a URL.
bool was_fetched(const json& entry) {
  const std::string version = text_member(entry, "version");
  return !says(entry, "bundled") && !version.starts_with("file:") && !is_commit(version);
}

// The name of an entry without its hash, or empty.
std::string unhashed_package(const json& packages) {
  for (const auto& [path, entry] : packages.items())
    if (is_fetched(path, entry) && text_member(entry, "integrity").empty()) return path;
  return "";
}

// The same of the form of npm before 7, in which packages lie in each other.
std::string unhashed_dependency(const json& dependencies) {
  std::vector<const json*> open = {&dependencies};
  while (!open.empty()) {
    const json& group = *open.back();
    open.pop_back();
    for (const auto& [name, entry] : group.items()) {
      if (!entry.is_object()) continue;
      if (was_fetched(entry) && text_member(entry, "integrity").empty()) return name;
      if (const auto inner = entry.find("dependencies"); inner != entry.end() && inner->is_object())
        open.push_back(&*inner);
    }
  }
  return "";
}

// A lock of npm 7 and 8 holds both forms, and which is read hangs on the npm.
Result<void> check_lock_npm(const PackContext& context, const std::string& lock) {
  const json object = json::parse(context.source.text_or_empty(lock), nullptr, false);
  const json none;
  const auto part = [&](const char* key) -> const json& {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_object() ? *found : none;
  };
  const json &packages = part("packages"), &dependencies = part("dependencies");
  if (packages.is_null() && dependencies.is_null())
    return in_source(
        context, lock, "unhashed_lock",
        "want the lock that npm writes, with `packages`, found none; run `npm install --package-lock-only`");
  std::string unhashed = unhashed_package(packages);
  if (unhashed.empty()) unhashed = unhashed_dependency(dependencies);
  if (unhashed.empty()) return {};
  return in_source(context, lock, "unhashed_lock",
                   "want `integrity` of every package, found none of " + unhashed +
                       "; remove node_modules and the lock, and run `npm install`");
}

std::vector<std::string> install_npm(const PackContext& context, NodeInstall what, bool locked) {
  std::vector<std::string> args;
  if (what == NodeInstall::kPruning)
    args = {"prune"};
  else if (locked)
    args = {"ci"};
  else
    args = {"install", "--no-package-lock"};
  if (what != NodeInstall::kBuilding) args.insert(args.end(), {"--omit=dev", "--no-bin-links"});
  args.insert(args.end(), {"--ignore-scripts", "--no-audit", "--no-fund", "--cache", context.places.cache.string()});
  return args;
}

std::map<std::string, std::string> environment_npm(const PackContext&) {
  return {{"npm_config_update_notifier", "false"}};
}

const NodeManager& npm() {
  static const NodeManager manager = {{"npm", {"npm"}, {"--version"}, "", "apt-get install npm"},
                                      {"package-lock.json", "npm-shrinkwrap.json"},
                                      "npm install --package-lock-only",
                                      check_lock_npm,
                                      install_npm,
                                      environment_npm};
  return manager;
}

}  // namespace

const Pack kNpmPack = {"npm",
                       "nodejs",
                       "nodejs",
                       "package.json, or server.js",
                       detect_npm,
                       [](const PackContext& context) { return node_tools(npm(), context); },
                       [](const PackContext& context) { return plan_node(npm(), context); },
                       finish_node,
                       check_node};

}  // namespace unik::runtimes
