// How an image is named. A Reference, `NAME@sha256:HEX`, is what a BootSpec holds: the digest alone decides what is
// booted; the name is for people, and tells a registry where to look. An ImageName is what people type.
#pragma once

#include <optional>
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

inline constexpr std::size_t kMaxTag = 128;  // characters
inline constexpr std::string_view kDefaultTag = "latest";

// `web`, `team/web:1.2`, `HOST[:PORT]/web@sha256:HEX`. The first part is a registry when it has a `.` or `:` or is
// `localhost`; without one the image is one of this host's store: no registry is ever guessed.
struct ImageName {
  std::string registry;          // `HOST[:PORT]`; empty for this host's store
  std::string repository;        // `team/web`
  std::string tag;               // empty: none was given
  std::optional<Digest> digest;  // decides, where it is given; the tag is then for people

  bool operator==(const ImageName&) const = default;
};

// Errors: `invalid/bad_image_name`, saying which part is wrong.
Result<ImageName> parse_image_name(std::string_view text);
std::string to_string(const ImageName& name);

// Name and repository without tag and digest, as a Reference takes it: `HOST:5000/team/web`.
std::string name_without_tag(const ImageName& name);

}  // namespace unik::runtimes
