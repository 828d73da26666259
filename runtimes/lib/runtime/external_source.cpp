#include "runtimes/lib/runtime/external_source.hpp"

#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/runtime/git_repository.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr Duration kGitLimit = std::chrono::minutes(5);
constexpr std::size_t kMaxGitOutput = 64 << 10;

Result<fs::path> clone(const std::string& text, const fs::path& scratch,
                       const std::map<std::string, std::string>& environment) {
  auto git = find_git(environment);
  if (!git) return git;
  const std::size_t hash = text.rfind('#');
  const fs::path directory = fresh_name(scratch, "source-");
  ProgramRun run;
  run.args = {git->string(), "clone", "--quiet", "--depth", "1"};
  if (hash != std::string::npos) run.args.push_back("--branch=" + text.substr(hash + 1));
  // What follows `--` is never an option, whatever it begins with.
  for (const std::string& word : {std::string("--"), text.substr(0, hash), directory.string()})
    run.args.push_back(word);
  run.environment = environment;
  run.environment["GIT_TERMINAL_PROMPT"] = "0";
  run.environment["GIT_ALLOW_PROTOCOL"] = "file:git:http:https:ssh";
  run.time_limit = kGitLimit;
  std::string output;
  run.output = [&](std::string_view piece) { output += piece.substr(0, kMaxGitOutput - output.size()); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (*code != 0)
    return unavailable("git_failed",
                       "git clone " + text + ": want exit code 0, got " + std::to_string(*code) + ": " + output);
  return directory;
}

}  // namespace

bool is_git_source(const std::string& text) {
  const std::string plain = text.substr(0, text.rfind('#'));
  return plain.find("://") != std::string::npos || plain.starts_with("git@") || plain.ends_with(".git");
}

Result<fs::path> find_external_source(const std::string& text, const std::string& name, const fs::path& scratch,
                                      const std::map<std::string, std::string>& environment) {
  fs::path top = text;
  if (is_git_source(text)) {
    if (auto made = make_directories(scratch); !made) return std::move(made).error();
    auto cloned = clone(text, scratch, environment);
    if (!cloned) return cloned;
    top = *std::move(cloned);
  }
  std::error_code error;
  if (!fs::is_directory(top, error)) return not_found("no_such_runtime", text + ": no such directory");
  if (const fs::path found = find_runtime_source({top, top / "runtimes"}, name); !found.empty()) return found;
  // The directory itself: then whatever its manifest says is what was asked for, or a fault to be told.
  if (fs::is_regular_file(top / kManifestFile, error)) {
    const SourceCheck check = check_runtime_source(top);
    if (check.source.manifest.name.empty() || check.source.manifest.name == name) return top;
    return not_found("no_such_runtime", text + ": want the runtime " + name + ", found " + check.source.manifest.name);
  }
  return not_found("no_such_runtime",
                   text + ": want the runtime " + name + " there or below runtimes/, found no manifest.yaml of it");
}

}  // namespace unik::runtimes
