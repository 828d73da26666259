// yarn: yarn.lock, of yarn 1 or of its successors, whose locks and commands are others.
#include <algorithm>
#include <regex>

#include "runtimes/lib/packs/node_project.hpp"
#include "runtimes/lib/packs/packs.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kYarnLock = "yarn.lock";

std::optional<Evidence> detect_yarn(const SourceTree& source) {
  if (!source.has("package.json") || !source.has(kYarnLock)) return std::nullopt;
  return Evidence{std::string(kYarnLock)};
}

bool is_of_yarn_one(const PackContext& context) {
  return context.source.text_or_empty(kYarnLock).find("__metadata:") == std::string::npos;
}

// Entries are blocks: `"name@range":`, then indented lines.
Result<void> check_lock_yarn(const PackContext& context, const std::string& lock) {
  static const std::regex resolved(R"(\n +(resolved "?https?:|resolution: ".*@npm:))");
  static const std::regex hash(R"(\n +(integrity |checksum: ))");
  const std::string text = context.source.text_or_empty(lock);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    const std::string block = text.substr(begin, end - begin);
    begin = end + 2;
    if (std::regex_search(block, resolved) && !std::regex_search(block, hash))
      return in_source(context, lock, "unhashed_lock",
                       "want a hash of every package, found none of " + block.substr(0, block.find(":\n")) +
                           "; remove the lock and run `yarn install`");
  }
  return {};
}

std::vector<std::string> install_one(const PackContext& context, NodeInstall what, bool locked) {
  std::vector<std::string> args = {"install",       "--ignore-scripts", "--non-interactive",
                                   "--no-progress", "--cache-folder",   context.places.cache.string()};
  args.push_back(locked ? "--frozen-lockfile" : "--no-lockfile");
  if (what == NodeInstall::kPruning) args.push_back("--prefer-offline");
  // Said either way: NODE_ENV would decide it otherwise.
  if (what == NodeInstall::kBuilding)
    args.push_back("--production=false");
  else
    args.insert(args.end(), {"--production=true", "--no-bin-links"});
  return args;
}

std::vector<std::string> install_yarn(const PackContext& context, NodeInstall what, bool locked) {
  if (is_of_yarn_one(context)) return install_one(context, what, locked);
  if (what == NodeInstall::kBuilding) return {"install", "--immutable", "--mode=skip-build"};
  return {"workspaces", "focus", "--all", "--production"};
}

std::map<std::string, std::string> environment_yarn(const PackContext& context) {
  if (is_of_yarn_one(context)) return {};
  return {{"YARN_CACHE_FOLDER", context.places.cache.string()},
          {"YARN_ENABLE_GLOBAL_CACHE", "false"},
          {"YARN_ENABLE_IMMUTABLE_INSTALLS", "true"},
          {"YARN_ENABLE_SCRIPTS", "false"},
          {"YARN_ENABLE_TELEMETRY", "false"},
          {"YARN_NODE_LINKER", "node-modules"}};
}

NodeManager yarn_for(const PackContext& context) {
  const bool one = is_of_yarn_one(context);
  const std::string mend =
      one ? "npm install --global yarn@1, or change to npm" : "corepack enable yarn, or change to npm";
  return {{"yarn", {"yarn", "yarnpkg"}, {"--version"}, one ? "1." : "4.", mend},
          {kYarnLock},
          "yarn install",
          check_lock_yarn,
          install_yarn,
          environment_yarn};
}

}  // namespace

const Pack kYarnPack = {"yarn",
                        "nodejs",
                        "nodejs",
                        "package.json with yarn.lock",
                        detect_yarn,
                        [](const PackContext& context) { return node_tools(yarn_for(context), context); },
                        [](const PackContext& context) { return plan_node(yarn_for(context), context); },
                        finish_node};

}  // namespace unik::runtimes
