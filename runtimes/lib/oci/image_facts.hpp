// What an image of a store is, told from its own documents: for people, and for deciding how it is run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::runtimes {

// On a manifest made of somebody's container image: the digest of that image. Its root is outside the no-shell
// baseline.
inline constexpr std::string_view kContainerAnnotation = "dev.unikctl.container.digest";

// `kUnikernel` boots the product's kernel with a root of ours, `kKernel` somebody else's kernel, `kContainer` the
// product's kernel with the root of a container image.
enum class RunsAs : std::uint8_t { kUnikernel, kContainer, kKernel };

std::string_view to_string(RunsAs runs_as);  // `unikernel`, `container`, `kernel`
RunsAs runs_as(const Manifest& manifest);

struct ImageFacts {
  NamedImage image;
  Manifest manifest;
  ImageConfig config;
  std::int64_t size_bytes = 0;              // of manifest, config and layers as they are stored and sent
  std::vector<Digest> missing;              // not empty: a fetch was cut off, or blobs were removed by hand
  std::vector<std::string> signed_by = {};  // ids of keys; whether the signatures are right is not asked

  bool operator==(const ImageFacts&) const = default;
};

// Without manifest or config in the store, what they would say is empty and `missing` names them. Errors: those of
// BlobStore::manifest and config for documents that are there.
Result<ImageFacts> image_facts(const BlobStore& store, const NamedImage& image);

// By name (`web`, `HOST:5000/web:1.2`; a registry's image without a tag means `latest`), by `NAME@sha256:HEX` or by
// `sha256:HEX`. Errors: `invalid/bad_image_name`, `not_found/no_such_image`.
Result<NamedImage> find_image(const BlobStore& store, std::string_view text);

// The name under which an image stands in a store's index: with a registry, a tag is written out.
std::string index_name(const ImageName& name);

}  // namespace unik::runtimes
