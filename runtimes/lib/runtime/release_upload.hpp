// Files on a page of releases, through its usual tool: the `gh` program, with its own login.
//
// Errors: `not_found/no_gh`, `unavailable/gh_failed` with what it said.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/runtime/release_page.hpp"

namespace unik::runtimes {

class ReleaseUpload {
 public:
  // `scratch` is free: what is there is looked at in it.
  static Result<ReleaseUpload> open(const std::map<std::string, std::string>& environment,
                                    std::filesystem::path scratch);

  // Makes the release of a tag that its repository has, where it has none yet, and adds those of `files` that it lacks,
  // by their own names. False: all were there, the very same. Errors: also `conflict/release_exists`: another file of
  // the name is there, and is never overwritten.
  Result<bool> put(const std::string& repository, const std::string& tag,
                   const std::vector<std::filesystem::path>& files) const;

 private:
  ReleaseUpload(std::filesystem::path gh, std::map<std::string, std::string> environment, std::filesystem::path scratch)
      : gh_(std::move(gh)), environment_(std::move(environment)), scratch_(std::move(scratch)) {}

  struct Answer {
    int code = 0;
    std::string text;
    std::string errors;
  };
  Result<Answer> run(const std::vector<std::string>& args) const;
  Result<std::string> ask(const std::vector<std::string>& args) const;
  Result<std::vector<std::string>> files_of(const std::string& repository, const std::string& tag) const;
  Result<void> check_same(const std::string& repository, const std::string& tag,
                          const std::filesystem::path& file) const;

  std::filesystem::path gh_;
  std::map<std::string, std::string> environment_;
  std::filesystem::path scratch_;
};

}  // namespace unik::runtimes
