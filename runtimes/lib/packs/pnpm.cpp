// pnpm: pnpm-lock.yaml, and a node_modules whose links stay inside it.
#include <sstream>

#include "runtimes/lib/packs/node_project.hpp"
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kPnpmLock = "pnpm-lock.yaml";

std::optional<Evidence> detect_pnpm(const SourceTree& source) {
  if (!source.has("package.json") || !source.has(kPnpmLock)) return std::nullopt;
  return Evidence{std::string(kPnpmLock)};
}

// What is fetched says so on one line: `resolution: {integrity: sha512-…}`.
Result<void> check_lock_pnpm(const PackContext& context, const std::string& lock) {
  std::istringstream lines(context.source.text_or_empty(lock));
  std::string package;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(":"))
      package = line.substr(2, line.size() - 3);
    if (line.find("resolution: {") == std::string::npos) continue;
    const auto says = [&](const char* word) { return line.find(word) != std::string::npos; };
    if (says("integrity: ") || says("type: directory") || says("commit: ")) continue;
    return in_source(context, lock, "unhashed_lock",
                     "want `integrity` of every package, found none of " + package +
                         "; remove the lock and run `pnpm install --lockfile-only`");
  }
  return {};
}

std::vector<std::string> install_pnpm(const PackContext& context, NodeInstall what, bool locked) {
  std::vector<std::string> args = {"install",
                                   "--ignore-scripts",
                                   "--reporter=append-only",
                                   locked ? "--frozen-lockfile" : "--no-lockfile",
                                   "--store-dir",
                                   (context.places.cache / "store").string()};
  args.push_back(what == NodeInstall::kBuilding ? "--prod=false" : "--prod");
  return args;
}

// Copies and not links, so that no build reaches into the store; and the pnpm that was asked, not one that it fetches.
std::map<std::string, std::string> environment_pnpm(const PackContext& context) {
  return {{"CI", "true"},
          {"npm_config_cache_dir", (context.places.cache / "metadata").string()},
          {"npm_config_confirm_modules_purge", "false"},
          {"npm_config_manage_package_manager_versions", "false"},
          {"npm_config_package_import_method", "copy"},
          {"npm_config_update_notifier", "false"}};
}

const NodeManager& pnpm() {
  static const NodeManager manager = {
      {"pnpm", {"pnpm"}, {"--version"}, "", "npm install --global pnpm, or change to npm"},
      {kPnpmLock},
      "pnpm install --lockfile-only",
      check_lock_pnpm,
      install_pnpm,
      environment_pnpm};
  return manager;
}

}  // namespace

const Pack kPnpmPack = {"pnpm",
                        "nodejs",
                        "nodejs",
                        "package.json with pnpm-lock.yaml",
                        detect_pnpm,
                        [](const PackContext& context) { return node_tools(pnpm(), context); },
                        [](const PackContext& context) { return plan_node(pnpm(), context); },
                        finish_node};

}  // namespace unik::runtimes
