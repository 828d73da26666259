// Where a text stops being UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace unik::codec {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Length of the well-formed character at `at` (1 to 4), or 0: overlong forms, surrogates and what is above U+10FFFF are
// not well-formed. `at` is inside the text.
std::size_t utf8_length(std::string_view text, std::size_t at);

bool is_utf8(std::string_view text);

}  // namespace unik::codec
