// A language's runtime that is at hand on this host: an image in the store whose layer `runtime` apps stand on, and its
// files as a directory, by which programs and libraries are looked for.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::runtimes {

// On a manifest: the runtime that it is or stands on, `python@1.0.0`, and what that provides, `python=3.11`.
inline constexpr std::string_view kRuntimeAnnotation = "dev.unikctl.runtime";
inline constexpr std::string_view kProvidesAnnotation = "dev.unikctl.provides";

struct RuntimeImage {
  std::string name;     // `python`
  std::string version;  // `1.0.0`
  Reference reference;  // of the image in the store
  LayerBlob layer;
  std::filesystem::path root;                   // the layer's files
  std::map<std::string, std::string> provides;  // `python` -> `3.11`
  std::map<std::string, std::string> environment;

  bool operator==(const RuntimeImage&) const = default;
};

// `python=3.11,pip=23` as pairs, and back.
std::map<std::string, std::string> parse_provides(std::string_view text);
std::string print_provides(const std::map<std::string, std::string>& provides);

}  // namespace unik::runtimes
