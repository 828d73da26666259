// Base64 with padding (RFC 4648), as in `Authorization: Basic` and in Docker's config.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unik::runtimes {

std::string to_base64(std::string_view bytes);
// Empty for anything that `to_base64` would not have written.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace unik::runtimes
