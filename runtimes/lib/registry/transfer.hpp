// Whole images between registries and the store of this host.
//
// What is there already is not sent: by HEAD towards a registry, by digest in the store. Blobs go several at a time,
// the manifest last, so that whoever sees it can rely on the rest. Every blob is verified while it streams; one that
// does not match leaves nothing. Cut off half-way, what was whole stays and the next call goes on from there. The
// signatures of an image go with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/image_index.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/registry/registry_client.hpp"

namespace unik::runtimes {

inline constexpr int kTransferWorkers = 4;  // blobs at a time

// The sum over all blobs; what was there already counts as `reused`, not as bytes.
struct TransferProgress {
  int blobs = 0;
  int blobs_done = 0;
  int reused = 0;          // were there, or were mounted from another repository
  std::int64_t bytes = 0;  // to be sent, of the blobs that are not there
  std::int64_t bytes_done = 0;

  bool operator==(const TransferProgress&) const = default;
};
// Called from several threads, one at a time, after each step.
using OnProgress = std::function<void(const TransferProgress&)>;

struct PulledImage {
  NamedImage image;  // as it stands in the store's index
  TransferProgress progress;
  std::size_t signatures = 0;  // that came with it
};

// The manifest of `name`: of an index, that for `platform`. Errors: also those of choose_image.
Result<RemoteDocument> remote_manifest(RegistryClient& client, const ImageName& name, const Platform& platform);

// Fetches `name` for `platform` and gives it the name in the store's index. Takes a hold of the store. Errors: also
// those of choose_image, parse_manifest and the store; `invalid/digest_mismatch` names the blob.
Result<PulledImage> pull_image(RegistryClient& client, const BlobStore& store, const ImageName& name,
                               const Platform& platform, const OnProgress& progress = {});

// Sends `image` of the store under `name`. `mount_from`: repositories of the same registry that may have the layers.
// Returns the digest under which it can be pulled. Takes a hold of the store.
Result<Digest> push_image(RegistryClient& client, const BlobStore& store, const Digest& image, const ImageName& name,
                          const std::vector<std::string>& mount_from = {}, const OnProgress& progress = {});

}  // namespace unik::runtimes
