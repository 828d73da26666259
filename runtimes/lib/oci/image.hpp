// The documents of an OCI image as values, and their one canonical text: sorted keys, no spaces, fixed `created`, so
// that the same image is the same bytes and therefore the same digest.
//
// Parsing accepts what other tools write (unknown members are ignored, Docker's media types are understood); printing
// writes only what is declared here. Sizes are in bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/digest.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kManifestMediaType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexMediaType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kConfigMediaType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerTarMediaType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kLayerGzipMediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kLayerZstdMediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
// The config of an artifact, which has none.
inline constexpr std::string_view kEmptyMediaType = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kEmptyText = "{}";

// On each layer: `kernel`, `base`, `runtime` or `app`. The `kernel` layer is booted and is no part of the root.
inline constexpr std::string_view kLayerAnnotation = "dev.unikctl.layer";
// On a manifest whose kernel is somebody else's: `multiboot`, `pvh`, `bzimage` or `disk`.
inline constexpr std::string_view kBootAnnotation = "dev.unikctl.boot";
// On a manifest: the digest of the layer `base`, and the newest GLIBC_x.y that the app asks for (`2.34`).
inline constexpr std::string_view kBaseAnnotation = "dev.unikctl.base.digest";
inline constexpr std::string_view kGlibcAnnotation = "dev.unikctl.glibc";
// On an entry of an index: the image's name.
inline constexpr std::string_view kNameAnnotation = "org.opencontainers.image.ref.name";

// What every packed file and document says of its age, so that building again gives the same bytes (2024-01-01 UTC).
inline constexpr std::int64_t kSourceDateEpoch = 1704067200;
inline constexpr std::string_view kCreated = "2024-01-01T00:00:00Z";

// Documents larger than this are refused before they are read.
inline constexpr std::int64_t kMaxDocumentBytes = 4 << 20;
inline constexpr std::size_t kMaxLayers = 128;

using Annotations = std::map<std::string, std::string>;

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::int64_t size = 0;
  Annotations annotations;
  std::string artifact_type = {};  // of a manifest that is no image, such as a signature

  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  Annotations annotations;
  std::string artifact_type = {};          // empty for an image
  std::optional<Descriptor> subject = {};  // what an artifact is about

  bool operator==(const Manifest&) const = default;
};

struct ImageConfig {
  std::string architecture = "amd64";
  std::string os = "linux";
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;  // `NAME=VALUE`, later ones win
  std::string working_dir;
  std::string user;                        // `UID[:GID]`, or names of the image's /etc/passwd
  std::vector<std::string> exposed_ports;  // `8080/tcp`, sorted
  std::vector<Digest> diff_ids;            // of the uncompressed layers, lowest first
  std::vector<std::string> history;        // one sentence a layer

  bool operator==(const ImageConfig&) const = default;
};

// One image of a store's index.
struct NamedImage {
  std::string name;  // empty when the index gives none
  Descriptor manifest;

  bool operator==(const NamedImage&) const = default;
};

// Errors of all three: `invalid/bad_manifest`, `invalid/bad_image_config`, `invalid/bad_index`, naming the member.
Result<Manifest> parse_manifest(std::string_view json);
Result<ImageConfig> parse_image_config(std::string_view json);
Result<std::vector<NamedImage>> parse_index(std::string_view json);

std::string print_manifest(const Manifest& manifest);
std::string print_image_config(const ImageConfig& config);
std::string print_index(const std::vector<NamedImage>& images);

// Empty when there is none of that key.
std::string annotation(const Annotations& annotations, std::string_view key);

inline constexpr std::string_view kKernelLayer = "kernel";  // of what brings its own or, as a container, the base's

// The layer annotated so; null when there is none.
const Descriptor* find_layer(const Manifest& manifest, std::string_view layer);

}  // namespace unik::runtimes
