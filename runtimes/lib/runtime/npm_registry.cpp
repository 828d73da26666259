#include "runtimes/lib/runtime/npm_registry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include "codec/json_reader.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/toolchain.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNpmOutput = 4 << 20;
constexpr std::size_t kShownNpmOutput = 2000;
constexpr Duration kNpmLimit = std::chrono::minutes(20);

using Numbers = std::array<std::uint64_t, 3>;

// `1.2.3`; nothing for anything else.
std::optional<Numbers> numbers_of(std::string_view text) {
  Numbers numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
    if (problem != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (i + 1 == numbers.size()) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return numbers;
}

}  // namespace

std::string npm_path(const std::string& name, const std::string& version) {
  const std::size_t slash = name.find('/');
  return name + "/-/" + name.substr(slash == std::string::npos ? 0 : slash + 1) + "-" + version + ".tgz";
}

std::string newest_version(std::string_view json) {
  const auto document = codec::JsonDocument::parse(json);
  if (!document) return "";
  const codec::JsonView root = document->root();
  if (const auto only = root.text()) return std::string(*only);
  std::string newest;
  Numbers highest{};
  for (codec::JsonView item = root.first(); item.exists(); item = item.next()) {
    const std::string text = item.text_or("");
    const auto numbers = numbers_of(text);
    if (!numbers || (!newest.empty() && *numbers < highest)) continue;
    highest = *numbers;
    newest = text;
  }
  return newest;
}

Result<std::string> NpmRegistry::run(const std::vector<std::string>& args, const fs::path& directory) const {
  ToolNeed need;
  need.name = "npm";
  need.programs = {"npm"};
  need.version_args = {"--version"};
  need.mend = "apt-get install npm; or name a mirror in runtimes.mirrors of config.yaml";
  auto tool = find_tool(need, environment_);
  if (!tool) return not_found("no_npm", tool.error().message);
  ProgramRun run;
  run.args = {tool->program.string()};
  run.args.insert(run.args.end(), args.begin(), args.end());
  for (const char* flag : {"--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"})
    run.args.emplace_back(flag);
  run.environment = environment_;
  run.directory = directory;
  run.time_limit = kNpmLimit;
  std::string output;
  run.output = [&](std::string_view text) { output += text.substr(0, kMaxNpmOutput - output.size()); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (*code == 0) return output;
  return unavailable("npm_failed", "npm " + args.front() + " " + args.back() + ": want exit code 0, got " +
                                       std::to_string(*code) + (output.empty() ? "" : "; its end:\n") +
                                       output.substr(output.size() - std::min(output.size(), kShownNpmOutput)));
}

Result<std::string> NpmRegistry::newest(const codec::NpmRequest& request, const fs::path& directory) const {
  const std::string what = request.name + "@" + request.line;
  auto output = run({"view", "--json", what, "version"}, directory);
  if (!output) return std::move(output).error();
  std::string version = newest_version(*output);
  if (version.empty()) return not_found("no_such_package", "npm " + what + ": want a released version, found none");
  return version;
}

Result<fs::path> NpmRegistry::download(const std::string& name, const std::string& version,
                                       const fs::path& directory) const {
  auto output = run({"pack", "--pack-destination", directory.string(), name + "@" + version}, directory);
  if (!output) return std::move(output).error();
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".tgz") return entry->path();
  return not_found("no_such_package",
                   "npm pack " + name + "@" + version + ": want a file .tgz in " + directory.string() + ", found none");
}

}  // namespace unik::runtimes
