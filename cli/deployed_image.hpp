// From what a manifest or a command line calls an image to the digest that is stored and run.
//
// A tag floats, so it is resolved once, when it is applied, and said so. An ordinary container image gets PID 1 and a
// kernel (runtimes/lib/pack/container_pack.hpp) and runs on an ephemeral writable root.
#pragma once

#include <optional>
#include <string>

#include "api/resource.hpp"
#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/registries.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::cli {

struct DeployedImage {
  runtimes::Reference reference;               // what the App says
  std::optional<runtimes::PackedImage> image;  // in the store, to be uploaded; empty: the control plane has it
  bool container = false;
};

// `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, `HOST/NAME[:TAG|@sha256:DIGEST]`, a name
// of this host's store, or any of these with a digest, which `api` may have already (null: it is not asked). Errors:
// those of import, pull and find_image.
Result<DeployedImage> resolve_image(const Session& session, const Api* api, const runtimes::BlobStore& store,
                                    const std::string& text, const RegistryFlags& flags);

// The image of the store under `name`, which need not be that of the index. Errors: `not_found/no_such_blob`.
Result<DeployedImage> stored_image(const Session& session, const runtimes::BlobStore& store,
                                   const runtimes::NamedImage& image, const std::string& name);

// Whether the image is a container's. What it is, this host knows only where it made or fetched it: false elsewhere.
bool is_known_container(const runtimes::BlobStore& store, const runtimes::Digest& image);

// Errors: `invalid/no_program` where neither the image nor the App's arguments name a program. Of an image that only
// the control plane has, that says so itself.
Result<void> check_program(const App& app, const DeployedImage& image);

// Sends what the control plane lacks of it: the image, or where it has that, signatures.
Result<void> upload(const Session& session, const Api& api, const runtimes::BlobStore& store,
                    const DeployedImage& image);

// Makes `app` run it.
void set_image(App& app, const DeployedImage& image);

}  // namespace unik::cli
