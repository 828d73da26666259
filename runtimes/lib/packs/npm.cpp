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

// A tarball or a package of a registry; what is linked lies in the source, and a Git commit is its own hash.
bool is_fetched(const std::string& path, const json& entry) {
  if (path.empty() || !entry.is_object() || says(entry, "link") || says(entry, "inBundle")) return false;
  if (path.rfind("node_modules/", 0) != 0 && path.find("/node_modules/") == std::string::npos) return false;
  const std::string resolved = text_member(entry, "resolved");
  return resolved.rfind("git+", 0) != 0;
}

Result<void> check_lock_npm(const PackContext& context, const std::string& lock) {
  const json object = json::parse(context.source.text_or_empty(lock), nullptr, false);
  const json packages = object.is_object() ? object.value("packages", object.value("dependencies", json())) : json();
  if (!packages.is_object())
    return in_source(
        context, lock, "unhashed_lock",
        "want the lock that npm writes, with `packages`, found none; run `npm install --package-lock-only`");
  const bool old = !object.contains("packages");
  for (const auto& [path, entry] : packages.items()) {
    const bool fetched = old ? entry.is_object() && text_member(entry, "version").find(':') == std::string::npos
                             : is_fetched(path, entry);
    if (fetched && !entry.contains("integrity"))
      return in_source(context, lock, "unhashed_lock",
                       "want `integrity` of every package, found none of " + path +
                           "; remove node_modules and the lock, and run `npm install`");
  }
  return {};
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
                       finish_node};

}  // namespace unik::runtimes
