// What packs ask of Cargo.toml and pyproject.toml: keys of one table, read line by line. A string or number on one line
// is its text, anything longer (arrays, inline tables) is the text up to where its brackets close. Not a TOML parser:
// what it does not understand reads as absent, and the language's own tool then says what is wrong with the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unik::runtimes {

// The value of `key` in `[table]`, without quotes where it is one string.
std::optional<std::string> toml_value(std::string_view text, std::string_view table, std::string_view key);

bool has_toml_table(std::string_view text, std::string_view table);

}  // namespace unik::runtimes
