// TOML as packs read it (Cargo.toml, pyproject.toml, uv.lock, poetry.lock): the whole document as JSON text, dates as
// strings, for the JSON reader that package.json goes through too.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::runtimes {

// Errors: `invalid/bad_toml`, with line and column; the caller names the file.
Result<std::string> toml_as_json(std::string_view text);

}  // namespace unik::runtimes
