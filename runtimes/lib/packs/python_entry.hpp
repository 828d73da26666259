// What of a Python project is started: the script that pyproject.toml declares, a file by its usual name, or a package
// that can be run.
#pragma once

#include <string>
#include <vector>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

// Errors: `invalid/no_entry_point`.
Result<std::vector<std::string>> find_python_entry(const PackContext& context);

}  // namespace unik::runtimes
