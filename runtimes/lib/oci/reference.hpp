// How an image is named: `NAME@sha256:HEX`, the form that a BootSpec holds. The digest alone decides what is booted;
// the name is for people, and tells a registry where to look.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/digest.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxImageName = 255;  // characters

struct Reference {
  std::string name;  // `web`, `team/web`, `HOST:PORT/team/web`
  Digest digest;

  bool operator==(const Reference&) const = default;
};

// Parts of lower-case letters, digits and inner `.` `_` `-`, joined by `/`; the first part may be a host with a port.
bool is_image_name(std::string_view name);

// Errors: `invalid/bad_reference`, saying which part is wrong; a tag in place of a digest is named as such.
Result<Reference> parse_reference(std::string_view text);

std::string to_string(const Reference& reference);

}  // namespace unik::runtimes
