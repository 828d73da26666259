// The source of an app as one blob, to be built on another host: a tar of its files, the same bytes for the same files
// wherever they lie and whenever they were written.
//
// Left out are what a pack leaves out (source_tree.hpp), or, of a source with a build of its own, `.unikctl`, `.git`
// and the artifact that its command makes.
#pragma once

#include <filesystem>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::runtimes {

// The caller keeps a Hold on the store. Errors: `invalid/unsafe_source` (a link that leaves the source, a device),
// `exhausted/source_too_large`, those of put_layer.
Result<BlobInfo> put_source_bundle(const BlobStore& store, const std::filesystem::path& directory,
                                   const codec::UnikYaml& recipe);

// Writes the files of a bundle below `directory`, which must exist and be empty; nothing in it is trusted. `scratch` is
// where contents lie meanwhile. Errors: `not_found/no_such_blob`, `invalid/unsafe_layer`, `invalid/bad_layer`,
// `invalid/unsafe_source` (a `.unikctl` in it), `exhausted/layer_too_large`, `unavailable/write_failed`.
Result<void> unpack_source_bundle(const BlobStore& store, const Digest& bundle, const std::filesystem::path& directory,
                                  const std::filesystem::path& scratch);

}  // namespace unik::runtimes
