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

bool is_tag(std::string_view tag) {
  const auto is_word = [](char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !tag.empty() && tag.size() <= kMaxTag && is_word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_registry(std::string_view part) {
  return part == "localhost" || part.find_first_of(".:") != std::string_view::npos;
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

Result<ImageName> parse_image_name(std::string_view text) {
  const std::string shown(text.substr(0, kMaxImageName + kMaxTag + 80));
  const auto bad = [&](const std::string& wanted) {
    return invalid("bad_image_name", "image `" + shown + "`: want " + wanted);
  };
  ImageName name;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    auto digest = parse_digest(text.substr(at + 1));
    if (!digest) return bad("@sha256: and 64 lower-case hex digits after the name");
    name.digest = *digest;
    text = text.substr(0, at);
  }
  // A colon after the last slash begins a tag; one before it, the port of a registry.
  const std::size_t slash = text.rfind('/');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    if (!is_tag(text.substr(colon + 1)))
      return bad("a tag of 1 to " + std::to_string(kMaxTag) + " letters, digits, _ . - after the colon");
    name.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  if (!is_image_name(text))
    return bad("a name of lower-case letters, digits, inner . _ - and /, as in team/web:1.2 or HOST:5000/web");
  const std::size_t first = text.find('/');
  if (first != std::string_view::npos && is_registry(text.substr(0, first))) {
    name.registry = text.substr(0, first);
    text.remove_prefix(first + 1);
  }
  name.repository = text;
  return name;
}

std::string name_without_tag(const ImageName& name) {
  return name.registry.empty() ? name.repository : name.registry + "/" + name.repository;
}

std::string to_string(const ImageName& name) {
  std::string text = name_without_tag(name);
  if (!name.tag.empty()) text += ":" + name.tag;
  if (name.digest) text += "@" + to_string(*name.digest);
  return text;
}

}  // namespace unik::runtimes
