// Images that other tools left on this host: `oci:DIRECTORY[:NAME]`, `oci-archive:FILE[:NAME]` and
// `docker-archive:FILE[:NAME]`, brought into the store whole or not at all.
//
// Nothing of them is trusted: archives are read into a FileTree (layer.hpp), every blob is verified against the digest
// by which it is named, and no path of theirs reaches this host.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/image_index.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {

enum class ImportKind : std::uint8_t { kOciLayout, kOciArchive, kDockerArchive };

struct ImportPlace {
  ImportKind kind = ImportKind::kOciLayout;
  std::filesystem::path path;
  std::string name;  // which image of several; empty: the only one

  bool operator==(const ImportPlace&) const = default;
};

// Empty for a text without one of the three prefixes.
std::optional<ImportPlace> parse_import_place(std::string_view text);

// Gives the image `name` in the store's index. Takes a hold of the store. Errors: `not_found/no_such_file`,
// `not_found/no_such_image` (naming those that are there), `invalid/not_an_image`, `invalid/digest_mismatch`, those of
// choose_image, parse_manifest, apply_archive and the store.
Result<NamedImage> import_image(const BlobStore& store, const ImportPlace& place, const std::string& name,
                                const Platform& platform);

struct TakenImage {
  Descriptor manifest;
  std::map<std::string, std::string> documents;  // those that were there

  bool operator==(const TakenImage&) const = default;
};

// The same up to its last step: no name is given, so that the caller, who holds the store, can look at the image first.
// `documents` are small files that may lie beside the image in the same place.
Result<TakenImage> take_image(const BlobStore& store, const ImportPlace& place, const Platform& platform,
                              std::span<const std::string> documents = {}, const LayerLimits& limits = {});

}  // namespace unik::runtimes
