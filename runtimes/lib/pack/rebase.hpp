// `image rebase`: the layers below an app are swapped for newer ones, the app's own stay byte for byte. Nothing is
// built: a rebased image is the very one, by its digest, that a build of the same app on the new base would give.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"

namespace unik::runtimes {

// What an app stands on: the layers `kernel` and `base`, and `runtime` where it needs one.
struct ImageBase {
  std::string name;     // for people: `runtimes/python:1.0.1`
  std::string runtime;  // NAME@VERSION; empty for a base alone
  std::vector<LayerBlob> layers;
  std::map<std::string, std::string> provides;     // of the runtime: `python` -> `3.11`
  std::map<std::string, std::string> environment;  // of the runtime

  bool operator==(const ImageBase&) const = default;
};

// The base runtime that lies on this host, its layers put into the store, which the caller holds.
Result<ImageBase> base_of_host(const BlobStore& store, const BaseRuntime& base);

// What an image of the store stands on: a base, a runtime, or an app, whose own layer is left out. Errors:
// `invalid/no_base` for a container or a kernel of somebody else, and those of BlobStore::manifest and config.
Result<ImageBase> base_of_image(const BlobStore& store, const NamedImage& image);

// The digest of its layer `base`, by which images tell what they stand on (`dev.unikctl.base.digest`).
Digest base_digest(const ImageBase& base);

struct Rebased {
  Descriptor manifest;
  bool changed = false;  // it stood on that base already

  bool operator==(const Rebased&) const = default;
};

// Puts `image` onto `to` and gives its name to the result; the old manifest stays in the store until it is pruned. An
// image without a runtime takes kernel and base alone; one with a runtime keeps it when `to` has none.
// `old_environment` is what the runtime below it gave, as far as the caller knows: it goes with that runtime. The
// caller holds the store. Errors: `invalid/no_base`; `conflict/other_runtime` (another runtime, or one of another
// version of its language); `conflict/glibc_too_old` (the app asks for a newer C library than the new base brings);
// `conflict/image_moved` (the name no longer stands for `image`).
Result<Rebased> rebase_image(const BlobStore& store, const NamedImage& image, const ImageBase& to,
                             const std::map<std::string, std::string>& old_environment);

}  // namespace unik::runtimes
