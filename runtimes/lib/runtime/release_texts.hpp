// The texts that a release of a runtime changes in its repository. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/runtime_name.hpp"

namespace unik::runtimes {

// manifest.yaml with another version: its one line `version:` is changed, and nothing else. Errors: `invalid/
// bad_manifest`, for a text without such a line.
Result<std::string> with_version(std::string_view manifest, const RuntimeVersion& version);

// CHANGELOG.md of a runtime with one section more, on top of the others; an empty text begins one. `date` is
// `2026-01-31`.
std::string with_changes(std::string_view changelog, const std::string& name, const RuntimeVersion& version,
                         const std::string& date, const std::vector<std::string>& subjects);

}  // namespace unik::runtimes
