// What every packer returns: an image that is whole in the store, and how long its parts took.
#pragma once

#include <string>
#include <vector>

#include "api/time.hpp"
#include "runtimes/lib/oci/image.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::runtimes {

// One layer of it. `reused` when the store had it already, so nothing was compressed.
struct PackedLayer {
  std::string name;
  Descriptor descriptor;
  bool reused = false;
  Duration took{};
};

struct PackedImage {
  Reference reference;  // the name it was given in the store's index, and its manifest's digest
  Manifest manifest;
  ImageConfig config;
  std::vector<PackedLayer> layers;
  std::vector<std::string> warnings;  // sentences for stderr: `lighttpd links libfoo.so.1 ...`
  Duration took{};
};

}  // namespace unik::runtimes
