// A Git repository of this host as a release sees it: asked, and changed, through the `git` program.
//
// Errors common to all: `unavailable/git_failed`, with what git said.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

// The program. Errors: `not_found/no_git`.
Result<std::filesystem::path> find_git(const std::map<std::string, std::string>& environment);

class GitRepository {
 public:
  // The one that `directory` lies in. Errors: `not_found/no_git` (no such program), `invalid/not_a_repository`.
  static Result<GitRepository> open(const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& environment);

  const std::filesystem::path& top() const { return top_; }

  // What git prints, without the last line's end.
  Result<std::string> ask(const std::vector<std::string>& args) const;
  Result<void> run(const std::vector<std::string>& args) const;

  // Paths that are changed, staged or not known to git; empty: the tree is clean.
  Result<std::vector<std::string>> changes() const;
  Result<std::string> branch() const;                            // empty: none, a commit is checked out
  Result<std::string> commit_of(const std::string& name) const;  // empty: there is none of that name
  Result<bool> remote_has_tag(const std::string& remote, const std::string& tag) const;

 private:
  GitRepository(std::filesystem::path git, std::map<std::string, std::string> environment)
      : git_(std::move(git)), environment_(std::move(environment)) {}
  struct Answer {
    int code = 0;
    std::string text;
  };
  Result<Answer> try_run(const std::vector<std::string>& args) const;

  std::filesystem::path git_;
  std::map<std::string, std::string> environment_;
  std::filesystem::path top_;
};

}  // namespace unik::runtimes
