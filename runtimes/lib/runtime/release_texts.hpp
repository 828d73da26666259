// The texts that a release of a runtime changes in its repository. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/runtime_name.hpp"
#include "runtimes/lib/runtime/release_tag.hpp"

namespace unik::runtimes {

// manifest.yaml with another version: the number in its one line `version:` is changed, and nothing around it. Errors:
// `invalid/bad_manifest`, for a text without such a line.
Result<std::string> with_version(std::string_view manifest, const RuntimeVersion& version);

// What CHANGELOG.md says of one release. `date` is `2026-01-31`.
std::string changes_section(const RuntimeVersion& version, const std::string& date,
                            const std::vector<std::string>& subjects);
// CHANGELOG.md of a runtime with one section more, on top of the others; an empty text begins one.
std::string with_changes(std::string_view changelog, const std::string& name, const std::string& section);

// Of the commit of a release, and its tag; and whether a commit's subject is of that form.
std::string release_message(const ReleaseTag& tag);
bool is_release_message(std::string_view subject);

}  // namespace unik::runtimes
