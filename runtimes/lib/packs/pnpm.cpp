// pnpm: pnpm-lock.yaml, and a node_modules whose links stay inside it.
#include <algorithm>

#include "runtimes/lib/packs/node_project.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/text_lines.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kPnpmLock = "pnpm-lock.yaml";

std::optional<Evidence> detect_pnpm(const SourceTree& source) {
  if (!source.has("package.json") || !source.has(kPnpmLock)) return std::nullopt;
  return Evidence{std::string(kPnpmLock)};
}

struct PnpmEntry {
  std::string name;
  std::string resolution;  // `{integrity: sha512-…}` on one line or several, or as indented lines
};

// The section `packages`: names with an indent of 2, what is said of them with one of 4.
std::vector<PnpmEntry> read_pnpm_packages(std::string_view text) {
  constexpr std::string_view kResolution = "    resolution:";
  constexpr std::size_t kNameIndent = 2, kAttributeIndent = 4;
  std::vector<PnpmEntry> entries;
  bool in_packages = false, in_resolution = false;
  for (const std::string_view line : lines_of(text)) {
    if (without_blanks(line).empty() || without_blanks(line).starts_with('#')) continue;
    const std::size_t indent = indent_of(line);
    if (indent == 0) in_packages = line.starts_with("packages:");
    if (!in_packages || indent == 0) continue;
    if (indent == kNameIndent) entries.push_back({std::string(line.substr(kNameIndent, line.rfind(':') - 2)), ""});
    if (indent <= kAttributeIndent) in_resolution = line.starts_with(kResolution);
    if (in_resolution && !entries.empty())
      entries.back().resolution += std::string(line.substr(indent <= kAttributeIndent ? kResolution.size() : 0)) + "\n";
  }
  return entries;
}

// One of `key: value`, between commas, braces or lines.
bool pins_pnpm(std::string_view item) {
  item = without_blanks(item);
  const auto holds = [&](std::string_view key) { return item.starts_with(key) && item.size() > key.size(); };
  return holds("integrity: ") || holds("commit: ") || item == "type: directory";
}

bool is_pinned_pnpm(const PnpmEntry& entry) {
  std::string_view rest = entry.resolution;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(",{}\n"), rest.size());
    if (pins_pnpm(rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Result<void> check_lock_pnpm(const PackContext& context, const std::string& lock) {
  for (const PnpmEntry& entry : read_pnpm_packages(context.source.text_or_empty(lock)))
    if (!is_pinned_pnpm(entry))
      return in_source(context, lock, "unhashed_lock",
                       "want `integrity` of every package, found none of " + entry.name +
                           "; remove the lock and run `pnpm install --lockfile-only`");
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
                        finish_node,
                        check_node};

}  // namespace unik::runtimes
