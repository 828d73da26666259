#include "runtimes/lib/oci/reference.hpp"

#include <algorithm>

namespace unik::runtimes {
namespace {

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// `web`, `my-app.v2`: separators only between letters or digits.
bool is_name_part(std::string_view part) {
  if (part.empty() || !is_lower_alnum(part.front()) || !is_lower_alnum(part.back())) return false;
  return std::all_of(part.begin(), part.end(),
                     [](char c) { return is_lower_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_host_with_port(std::string_view part) {
  const std::size_t colon = part.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view port = part.substr(colon + 1);
  return is_name_part(part.substr(0, colon)) && !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_image_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxImageName) return false;
  bool first = true;
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (!is_name_part(part) && !(first && !last && is_host_with_port(part))) return false;
    if (last) return true;
    name.remove_prefix(slash + 1);
    first = false;
  }
}

Result<Reference> parse_reference(std::string_view text) {
  const std::string shown(text.substr(0, kMaxImageName + 80));
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos)
    return invalid("bad_reference", "image: want NAME@sha256:HEX, got `" + shown +
                                        "`; tags float, so name the digest (`unikctl image digest` tells it)");
  if (!is_image_name(text.substr(0, at)))
    return invalid(
        "bad_reference",
        "image: want a name of lower-case letters, digits, inner . _ - and / before the @, got `" + shown + "`");
  auto digest = parse_digest(text.substr(at + 1));
  if (!digest) return invalid("bad_reference", "image `" + shown + "`: " + digest.error().message);
  return Reference{std::string(text.substr(0, at)), *digest};
}

std::string to_string(const Reference& reference) {
  return reference.name + "@" + to_string(reference.digest);
}

}  // namespace unik::runtimes
