// An index: one name for the same thing built for several platforms. A node runs the image of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/image.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxPlatforms = 256;  // images of one index

struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";

  bool operator==(const Platform&) const = default;
};

// Whether a document is an index (or Docker's manifest list) rather than the manifest of one image.
bool is_image_index(std::string_view json);

// The media type that a manifest or index states of itself; OCI's manifest where it states none.
std::string media_type_of(std::string_view json);

// The image for `platform`. Errors: `invalid/bad_index`; `not_found/no_such_platform`, naming those that there are.
Result<Descriptor> choose_image(std::string_view index_json, const Platform& platform);

}  // namespace unik::runtimes
