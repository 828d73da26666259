// A Git repository of this host as a release sees it: asked, and changed, through the `git` program.
//
// Errors common to all: `unavailable/git_failed`, with what git said.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::runtimes {

inline constexpr Duration kGitCleanUpLimit = std::chrono::seconds(30);

// The program. Errors: `not_found/no_git`.
Result<std::filesystem::path> find_git(const std::map<std::string, std::string>& environment);

class GitRepository {
 public:
  // The one that `directory` lies in. Errors: `not_found/no_git` (no such program), `invalid/not_a_repository`.
  static Result<GitRepository> open(const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& environment);

  const std::filesystem::path& top() const { return top_; }
  // The same repository, asked from another of its work trees.
  GitRepository at(const std::filesystem::path& tree) const;
  // The same, for putting back: it is asked whatever signals came, and each time for kGitCleanUpLimit at most.
  GitRepository despite_signals() const;

  // What git prints on stdout, without the last line's end: what it or ssh says on stderr is no answer.
  Result<std::string> ask(const std::vector<std::string>& args) const;
  Result<void> run(const std::vector<std::string>& args) const;

  // Paths that are changed, staged or not known to git; empty: the tree is clean.
  Result<std::vector<std::string>> changes() const;
  // Of a path below its top: whether git leaves it out, so that a file there is no change.
  Result<bool> ignores(const std::filesystem::path& path) const;
  Result<std::string> branch() const;                            // empty: none, a commit is checked out
  Result<std::string> commit_of(const std::string& name) const;  // empty: there is none of that name
  // The object that is the tag at `remote`, its commit where it is a light one; empty: there is none.
  Result<std::string> remote_tag(const std::string& remote, const std::string& tag) const;

 private:
  GitRepository(std::filesystem::path git, std::map<std::string, std::string> environment)
      : git_(std::move(git)), environment_(std::move(environment)) {}
  struct Answer {
    int code = 0;
    std::string text;
    std::string errors;
  };
  Result<Answer> try_run(const std::vector<std::string>& args) const;
  static Error failed(const std::vector<std::string>& args, const Answer& answer);

  std::filesystem::path git_;
  std::map<std::string, std::string> environment_;
  std::filesystem::path top_;
  bool despite_signals_ = false;
};

}  // namespace unik::runtimes
