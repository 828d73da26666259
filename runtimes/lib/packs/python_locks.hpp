// uv.lock and poetry.lock as hashed requirements, so that pip alone installs what either pins. Both describe a graph
// for every platform; what is taken is what the project reaches on ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

// Lines `NAME==VERSION --hash=sha256:… …`, sorted by name. Errors: `invalid/bad_toml`, `invalid/bad_lock` (a package
// that the lock does not have), `invalid/unhashed_lock` (one without hashes, or of a place that hashes nothing); the
// caller names the file.
Result<std::vector<std::string>> requirements_of_uv(std::string_view lock, const std::string& python);
Result<std::vector<std::string>> requirements_of_poetry(std::string_view lock, std::string_view pyproject,
                                                        const std::string& python);

// `Tiny.Greet` -> `tiny-greet`, as indexes know it.
std::string normal_name(std::string_view name);

}  // namespace unik::runtimes
