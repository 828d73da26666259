// Sources of runtimes from elsewhere: `--source DIR|GIT`. A directory may be a runtime itself, or hold runtimes,
// directly or below `runtimes/`; so may a Git repository, of which one commit is fetched into a scratch directory.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "api/result.hpp"

namespace unik::runtimes {

// A URL (`https://…`, `ssh://…`, `file://…`, `git@HOST:PATH`) or something that ends in `.git`; `#REF` behind it names
// a branch or tag.
bool is_git_source(const std::string& text);

// The directory of the runtime `name` there. Errors: `not_found/no_git`, `unavailable/git_failed`,
// `not_found/no_such_runtime`, each saying where it looked.
Result<std::filesystem::path> find_external_source(const std::string& text, const std::string& name,
                                                   const std::filesystem::path& scratch,
                                                   const std::map<std::string, std::string>& environment);

}  // namespace unik::runtimes
