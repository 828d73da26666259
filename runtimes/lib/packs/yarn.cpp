// yarn: yarn.lock, of yarn 1 or of its successors, whose locks and commands are others.
#include <algorithm>
#include <optional>
#include <utility>

#include "runtimes/lib/packs/node_project.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/text_lines.hpp"

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

// `"name@range", "name@other":`, then `  key value` or, of yarn's successors, `  key: value`.
struct YarnEntry {
  std::string_view names;
  std::string_view resolved;    // yarn 1: where it was fetched from
  std::string_view resolution;  // its successors
  std::string_view conditions;  // theirs, too: where it is installed
  bool hashed = false;
};

void read_yarn_attribute(YarnEntry& entry, std::string_view line) {
  line.remove_prefix(indent_of(line));
  const std::size_t end = std::min(line.find_first_of(": "), line.size());
  const std::string_view key = line.substr(0, end);
  const std::size_t begin = std::min(line.find_first_not_of(": \"", end), line.size());
  const std::string_view value = line.substr(begin);
  if (key == "resolved") entry.resolved = value;
  if (key == "resolution") entry.resolution = value;
  if (key == "conditions") entry.conditions = value.substr(0, value.find('"'));
  if (key == "integrity" || key == "checksum") entry.hashed = entry.hashed || !value.empty();
}

// Names of more than 1024 characters are a key of YAML's other form: `? "name@range, …"`, and its colon by itself.
constexpr std::string_view kLongNames = "? ", kLongNamesEnd = ":";

std::string_view yarn_names_in(std::string_view line) {
  return line.starts_with(kLongNames) ? line.substr(kLongNames.size()) : line.substr(0, line.rfind(':'));
}

std::vector<YarnEntry> read_yarn_lock(std::string_view text) {
  constexpr std::size_t kAttributeIndent = 2;  // what lies deeper is the packages that one requires
  std::vector<YarnEntry> entries;
  for (const std::string_view line : lines_of(text)) {
    if (line.empty() || line.starts_with('#') || line == kLongNamesEnd) continue;
    if (indent_of(line) == 0) entries.push_back({yarn_names_in(line), "", "", "", false});
    if (indent_of(line) == kAttributeIndent && !entries.empty()) read_yarn_attribute(entries.back(), line);
  }
  return entries;
}

// All names of the entry say that it lies in the source.
bool is_local_yarn(std::string_view names) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(", "), names.size());
    const std::string_view name = names.substr(0, end);
    if (name.find("@file:") == std::string_view::npos && name.find("@link:") == std::string_view::npos) return false;
    names.remove_prefix(std::min(end + 2, names.size()));
  }
  return true;
}

std::vector<std::string_view> conditions_between(std::string_view text, std::string_view between) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = text.find(between)) != std::string_view::npos; text.remove_prefix(end + between.size()))
    parts.push_back(text.substr(0, end));
  parts.push_back(text);
  return parts;
}

// The platforms that yarn installs for: this one, and those that the project's settings add.
class YarnPlatforms {
 public:
  explicit YarnPlatforms(std::string settings) : settings_(std::move(settings)) {
    if (settings_.find("supportedArchitectures:") == std::string::npos) settings_.clear();
  }

  // By conditions as yarn writes them, `os=linux & (cpu=x64 | !cpu=arm64)`. What reads otherwise excludes nothing.
  bool are_excluded_by(std::string_view conditions) const {
    bool excluded = false;
    for (const std::string_view all : conditions_between(conditions, " & ")) {
      const bool several = all.starts_with('(') && all.ends_with(')');
      std::vector<std::string_view> any = {all};
      if (several) any = conditions_between(all.substr(1, all.size() - 2), " | ");
      bool one_may_hold = false;
      for (const std::string_view condition : any) {
        const auto may = may_hold(condition);
        if (!may) return false;
        one_may_hold = one_may_hold || *may;
      }
      excluded = excluded || !one_may_hold;
    }
    return excluded;
  }

 private:
  // Of `os=linux` or `!os=linux`; nothing: it is neither.
  std::optional<bool> may_hold(std::string_view condition) const {
    const bool negated = condition.starts_with('!');
    if (negated) condition.remove_prefix(1);
    for (const auto& [name, here] : kHere) {
      if (!condition.starts_with(name)) continue;
      const std::string_view value = condition.substr(name.size());
      if (value.empty() || value.find_first_not_of(kValueLetters) != std::string_view::npos) return std::nullopt;
      if ((value == here) != negated) return true;
      return !settings_.empty() && (negated || settings_.find(value) != std::string::npos);
    }
    return std::nullopt;
  }

  static constexpr std::string_view kValueLetters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  static constexpr std::pair<std::string_view, std::string_view> kHere[] = {
      {"os=", "linux"}, {"cpu=", "x64"}, {"libc=", "glibc"}};
  std::string settings_;  // empty: they name no platforms
};

bool is_pinned_yarn(const YarnEntry& entry, const YarnPlatforms& platforms) {
  if (entry.hashed || entry.names == "__metadata") return true;
  // Of what it has not fetched yarn knows no checksum.
  if (!entry.resolution.empty() && platforms.are_excluded_by(entry.conditions)) return true;
  for (const char* kind : {"@workspace:", "@link:", "@portal:"})
    if (entry.resolution.find(kind) != std::string_view::npos) return true;
  const bool web = entry.resolved.starts_with("http");
  const bool git = entry.resolved.starts_with("git") && entry.resolved.find('#') != std::string_view::npos;
  return entry.resolution.empty() && !web && (git || is_local_yarn(entry.names));
}

Result<void> check_lock_yarn(const PackContext& context, const std::string& lock) {
  const std::string text = context.source.text_or_empty(lock);
  const YarnPlatforms platforms(context.source.text_or_empty(".yarnrc.yml"));
  for (const YarnEntry& entry : read_yarn_lock(text))
    if (!is_pinned_yarn(entry, platforms))
      return in_source(context, lock, "unhashed_lock",
                       "want a hash of every package, found none of " + std::string(entry.names) +
                           "; remove the lock and run `yarn install`");
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
                        finish_node,
                        check_node};

}  // namespace unik::runtimes
