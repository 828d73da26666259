#include "runtimes/lib/runtime/git_repository.hpp"

#include <algorithm>

#include "runtimes/lib/pack/run_program.hpp"
#include "runtimes/lib/pack/toolchain.hpp"

namespace unik::runtimes {
namespace {

constexpr Duration kGitStepLimit = std::chrono::minutes(5);
constexpr std::size_t kMaxGitAnswer = 1 << 20;
constexpr int kNotIgnored = 1;  // of `check-ignore`
constexpr int kNoSuchRef = 2;   // of `ls-remote --exit-code`

std::string words_of_git(const std::vector<std::string>& args) {
  std::string text = "git";
  for (const std::string& arg : args) text += " " + arg;
  return text;
}

}  // namespace

Result<std::filesystem::path> find_git(const std::map<std::string, std::string>& environment) {
  ToolNeed need;
  need.name = "git";
  need.programs = {"git"};
  need.version_args = {"--version"};
  need.mend = "apt-get install git";
  auto git = find_tool(need, environment);
  if (!git) return not_found("no_git", git.error().message);
  return git->program;
}

Result<GitRepository> GitRepository::open(const std::filesystem::path& directory,
                                          const std::map<std::string, std::string>& environment) {
  auto git = find_git(environment);
  if (!git) return std::move(git).error();
  GitRepository repository(*std::move(git), environment);
  // Whoever is called by git itself, by a hook for one, has these; they would lead past the directory.
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"})
    repository.environment_.erase(name);
  repository.environment_["GIT_TERMINAL_PROMPT"] = "0";
  repository.environment_["LC_ALL"] = "C";
  repository.top_ = directory;
  const auto top = repository.try_run({"rev-parse", "--show-toplevel"});
  if (!top) return top.error();
  if (top->code != 0)
    return invalid("not_a_repository",
                   directory.string() + ": want a directory of a Git repository: a release is a commit and a tag");
  repository.top_ = top->text;
  return repository;
}

Result<GitRepository::Answer> GitRepository::try_run(const std::vector<std::string>& args) const {
  ProgramRun run;
  run.args = {git_.string()};
  run.args.insert(run.args.end(), args.begin(), args.end());
  run.environment = environment_;
  run.directory = top_;
  run.time_limit = despite_signals_ ? kGitCleanUpLimit : kGitStepLimit;
  run.despite_signals = despite_signals_;
  Answer answer;
  const auto into = [](std::string& text) {
    return [&text](std::string_view piece) { text += piece.substr(0, kMaxGitAnswer - text.size()); };
  };
  run.output = into(answer.text);
  run.errors = into(answer.errors);
  const auto code = run_program(run);
  if (!code) return code.error();
  answer.code = *code;
  for (std::string* const text : {&answer.text, &answer.errors})
    while (text->ends_with('\n')) text->pop_back();
  return answer;
}

Error GitRepository::failed(const std::vector<std::string>& args, const Answer& answer) {
  return unavailable("git_failed", words_of_git(args) + ": want exit code 0, got " + std::to_string(answer.code) +
                                       ": " + answer.text + (answer.text.empty() ? "" : "\n") + answer.errors);
}

GitRepository GitRepository::at(const std::filesystem::path& tree) const {
  GitRepository other = *this;
  other.top_ = tree;
  return other;
}

GitRepository GitRepository::despite_signals() const {
  GitRepository other = *this;
  other.despite_signals_ = true;
  return other;
}

Result<std::string> GitRepository::ask(const std::vector<std::string>& args) const {
  auto answer = try_run(args);
  if (!answer) return answer.error();
  if (answer->code != 0) return failed(args, *answer);
  return std::move(answer->text);
}

Result<void> GitRepository::run(const std::vector<std::string>& args) const {
  const auto said = ask(args);
  return said ? Result<void>() : Result<void>(said.error());
}

Result<std::vector<std::string>> GitRepository::changes() const {
  const auto said = ask({"status", "--porcelain", "--untracked-files=all"});
  if (!said) return said.error();
  std::vector<std::string> paths;
  for (std::size_t begin = 0; begin < said->size();) {
    const std::size_t end = std::min(said->find('\n', begin), said->size());
    if (end - begin > 3) paths.push_back(said->substr(begin + 3, end - begin - 3));
    begin = end + 1;
  }
  return paths;
}

Result<bool> GitRepository::ignores(const std::filesystem::path& path) const {
  const std::vector<std::string> args{"check-ignore", "--quiet", "--", path.string()};
  auto answer = try_run(args);
  if (!answer) return answer.error();
  if (answer->code > kNotIgnored) return failed(args, *answer);
  return answer->code == 0;
}

Result<std::string> GitRepository::branch() const {
  auto answer = try_run({"symbolic-ref", "--quiet", "--short", "HEAD"});
  if (!answer) return answer.error();
  return answer->code == 0 ? answer->text : std::string();
}

Result<std::string> GitRepository::commit_of(const std::string& name) const {
  auto answer = try_run({"rev-parse", "--quiet", "--verify", name + "^{commit}"});
  if (!answer) return answer.error();
  return answer->code == 0 ? answer->text : std::string();
}

Result<std::string> GitRepository::remote_tag(const std::string& remote, const std::string& tag) const {
  const std::vector<std::string> args{"ls-remote", "--exit-code", remote, "refs/tags/" + tag};
  auto answer = try_run(args);
  if (!answer) return answer.error();
  if (answer->code == kNoSuchRef) return std::string();
  if (answer->code != 0) return failed(args, *answer);
  return answer->text.substr(0, answer->text.find('\t'));
}

}  // namespace unik::runtimes
