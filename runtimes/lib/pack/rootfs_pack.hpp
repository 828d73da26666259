// `deploy --rootfs PATH -- ARGS`: a root file system that exists already, as a directory, tar, cpio or erofs image,
// becomes the layer `app` over the layers `kernel` and `base`. Modes and links are kept, and the owners of an archive
// or image; the files of a directory belong to root. Devices are left out, and so is an /init, since PID 1 is ours.
// What it holds in /run and /tmp is worth a warning: PID 1 mounts over them.
#pragma once

#include <filesystem>
#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::runtimes {

struct RootfsPackOptions {
  std::filesystem::path rootfs;
  std::string name;   // empty: the file name without its endings
  PackConfig config;  // `args` is the whole command; its first word a path in the root, or a name found on PATH there
  BaseRuntime base;
};

// Errors: `not_found/no_such_file`, `invalid/not_a_rootfs` (a Dockerfile is named as such), `invalid/no_command`,
// `invalid/no_such_program` (the command's first word is not in the root, or where PID 1 mounts over it),
// `invalid/unsafe_layer`, `exhausted/layer_too_large`.
Result<PackedImage> pack_rootfs(const BlobStore& store, const RootfsPackOptions& options);

}  // namespace unik::runtimes
