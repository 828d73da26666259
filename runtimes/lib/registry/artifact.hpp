// What lies in an OCI registry and is no image: artifacts of one file, whose manifest says of what type they are, and
// blobs that are small enough for the memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/image.hpp"
#include "runtimes/lib/registry/registry_client.hpp"

namespace unik::runtimes {

struct ArtifactKind {
  std::string_view type;        // of the artifact
  std::string_view media_type;  // of its file
};

struct RemoteArtifact {
  Digest manifest;
  Descriptor file;

  bool operator==(const RemoteArtifact&) const = default;
};

// Reads its manifest alone. Errors: those of RegistryClient::manifest; `invalid/bad_artifact` for anything but one file
// of that kind.
Result<RemoteArtifact> find_artifact(RegistryClient& client, std::string_view reference, const ArtifactKind& kind);

// Sends the file, then the manifest that names it. The same file is the same artifact. Returns the manifest's digest.
Result<Digest> push_artifact(RegistryClient& client, std::string_view reference, const ArtifactKind& kind,
                             const Descriptor& file, const RegistryClient::BlobSource& read,
                             const RegistryClient::OnSent& sent = {});

// A blob as a text, verified. Errors: `invalid/digest_mismatch`, those of RegistryClient::fetch_blob.
Result<std::string> fetch_text(RegistryClient& client, const Descriptor& blob);
// Sends a text where the registry does not have it.
Result<void> push_text(RegistryClient& client, std::string_view text);

// What push_blob reads: a file of this host, which stays open as long as the source lives, or a text, which has to.
Result<RegistryClient::BlobSource> blob_source(const std::filesystem::path& file);
RegistryClient::BlobSource blob_source(std::string_view text);

}  // namespace unik::runtimes
