// The signatures of an image as the API has them: `{"signatures": ["TEXT", …]}`, each the four lines of minisign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::codec {

inline constexpr std::size_t kMaxSignatureTexts = 64;

std::string signatures_json(const std::vector<std::string>& texts);

// At most kMaxSignatureTexts of them. Errors: `invalid/bad_message`.
Result<std::vector<std::string>> read_signatures(std::string_view json);

}  // namespace unik::codec
