#include "runtimes/lib/runtime/release_upload.hpp"

#include <algorithm>
#include <sstream>

#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/toolchain.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr Duration kGhStepLimit = std::chrono::minutes(30);  // an upload of a large package
constexpr std::size_t kMaxGhAnswer = 1 << 20;
constexpr std::string_view kNoRelease = "release not found";
constexpr const char* kReleaseNotes = "Packages of runtimes; registry.json of the repository names them.";

std::string words_of_gh(const std::vector<std::string>& args) {
  std::string text = "gh";
  for (const std::string& arg : args) text += " " + arg;
  return text;
}

Error gh_failed(const std::vector<std::string>& args, const std::string& said) {
  return unavailable("gh_failed", words_of_gh(args) + ": want exit code 0, got another: " + said +
                                      "; `gh auth status` says who you are to it");
}

}  // namespace

Result<ReleaseUpload> ReleaseUpload::open(const std::map<std::string, std::string>& environment, fs::path scratch) {
  ToolNeed need;
  need.name = "gh";
  need.programs = {"gh"};
  need.version_args = {"--version"};
  need.mend = "install GitHub's command-line tool";
  auto gh = find_tool(need, environment);
  if (!gh) return not_found("no_gh", gh.error().message);
  ReleaseUpload upload(gh->program, environment, std::move(scratch));
  upload.environment_["GH_PROMPT_DISABLED"] = "1";
  upload.environment_["NO_COLOR"] = "1";
  return upload;
}

Result<ReleaseUpload::Answer> ReleaseUpload::run(const std::vector<std::string>& args) const {
  ProgramRun run;
  run.args = {gh_.string()};
  run.args.insert(run.args.end(), args.begin(), args.end());
  run.environment = environment_;
  run.time_limit = kGhStepLimit;
  Answer answer;
  const auto into = [](std::string& text) {
    return [&text](std::string_view piece) { text += piece.substr(0, kMaxGhAnswer - text.size()); };
  };
  run.output = into(answer.text);
  run.errors = into(answer.errors);
  const auto code = run_program(run);
  if (!code) return code.error();
  answer.code = *code;
  return answer;
}

Result<std::string> ReleaseUpload::ask(const std::vector<std::string>& args) const {
  auto answer = run(args);
  if (!answer) return std::move(answer).error();
  if (answer->code != 0) return gh_failed(args, answer->errors);
  return std::move(answer->text);
}

// Errors: also `not_found/no_release`.
Result<std::vector<std::string>> ReleaseUpload::files_of(const std::string& repository, const std::string& tag) const {
  const std::vector<std::string> args{"release", "view",   tag,    "--repo",        repository,
                                      "--json",  "assets", "--jq", ".assets[].name"};
  const auto answer = run(args);
  if (!answer) return answer.error();
  if (answer->code != 0 && answer->errors.find(kNoRelease) != std::string::npos)
    return not_found("no_release", answer->errors);
  if (answer->code != 0) return gh_failed(args, answer->errors);
  std::vector<std::string> names;
  std::istringstream lines(answer->text);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

Result<void> ReleaseUpload::check_same(const std::string& repository, const std::string& tag,
                                       const fs::path& file) const {
  const std::string name = file.filename();
  if (auto made = make_directories(scratch_); !made) return made;
  if (auto got = ask({"release", "download", tag, "--repo", repository, "--pattern", name, "--dir", scratch_.string()});
      !got)
    return got.error();
  const auto there = sha256_file(scratch_ / name), ours = sha256_file(file);
  if (!there) return there.error();
  if (!ours) return ours.error();
  if (*there == *ours) return {};
  return conflict("release_exists", "release " + tag + " of " + repository + ": want a " + name +
                                        " that is free or has " + to_string(*ours) + ", found " + to_string(*there) +
                                        "; what was published is never overwritten");
}

Result<bool> ReleaseUpload::put(const std::string& repository, const std::string& tag,
                                const std::vector<fs::path>& files) const {
  auto there = files_of(repository, tag);
  if (!there && there.error().reason == "no_release") {
    const auto made =
        ask({"release", "create", tag, "--repo", repository, "--verify-tag", "--title", tag, "--notes", kReleaseNotes});
    there = files_of(repository, tag);  // another runtime of the same tag may have made it meanwhile
    if (!there && !made) return made.error();
  }
  if (!there) return there.error();
  bool added = false;
  for (const fs::path& file : files) {
    if (std::find(there->begin(), there->end(), file.filename()) != there->end()) {
      if (auto same = check_same(repository, tag, file); !same) return same.error();
      continue;
    }
    if (auto sent = ask({"release", "upload", tag, "--repo", repository, file.string()}); !sent) return sent.error();
    added = true;
  }
  return added;
}

}  // namespace unik::runtimes
