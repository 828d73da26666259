// The lines of a text, such as a project's file. These texts are foreign and may be long: they are scanned by line,
// since std::regex recurses with the length of what it matches.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace unik::runtimes {

// Without their ends, `\n` or `\r\n`.
std::vector<std::string_view> lines_of(std::string_view text);

std::size_t indent_of(std::string_view line);            // spaces at its beginning
std::string_view without_blanks(std::string_view text);  // without spaces and tabs at both ends

// Whether `line`, behind its indent, begins with `word` as a whole word: `require (` with `require`.
bool begins_with_word(std::string_view line, std::string_view word);

}  // namespace unik::runtimes
