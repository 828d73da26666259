// An ordinary container image as one that boots: its own layers, untouched, between the kernel's layer and a small one
// with PID 1 and its mount points. Layers are shared with the container image and with every other app made of it.
//
// The root keeps whatever the container brought, a shell too, so the image is marked (`dev.unikctl.container.digest`)
// and shown as `container`: it is outside the baseline of what unikctl builds. Such a root expects to be written to:
// run it with `writable: ephemeral`.
#pragma once

#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::runtimes {

struct ContainerPackOptions {
  Digest image;      // of the container image, whole in the store
  std::string name;  // for the store's index
  BaseRuntime base;
};

// Entry point, command, environment, directory and user are the container's; names of users are looked up in its own
// /etc/passwd and /etc/group, and no user means root, as containers have it. Errors: those of apply_layer;
// `invalid/wrong_platform`; `invalid/bad_user`; `invalid/bad_manifest` where config and layers do not fit together.
Result<PackedImage> pack_container(const BlobStore& store, const ContainerPackOptions& options);

}  // namespace unik::runtimes
