// The signatures of an image between a registry and the store of this host, by the rules of OCI 1.1: a registry that
// keeps what is about an image (the referrers API) is asked; on an older one the tag `sha256-HEX` names an index of it,
// which whoever adds to it rewrites. Entries of others in that index stay.
#pragma once

#include <cstddef>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/registry/registry_client.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxSignaturesRead = 32;  // of one image in a registry; the rest is not looked at

// What the registry has about `image`; those that cannot be read are left out. Errors: those of the client.
Result<std::vector<FileSignature>> remote_signatures(RegistryClient& client, const Digest& image);

// Keeps them beside the image, which must be in the store. Returns how many there were.
Result<std::size_t> pull_signatures(RegistryClient& client, const BlobStore& store, const Digest& image);

// Sends those that the registry lacks. Asks nothing where the store has none.
Result<void> push_signatures(RegistryClient& client, const BlobStore& store, const Digest& image);

}  // namespace unik::runtimes
