// Who vouches for an image: signatures in minisign's format over the bytes of its manifest, which name every other byte
// of it. `minisign -V` verifies them: the file is the blob of the manifest.
//
// In a store and in a registry a signature is an artifact whose subject is the image (OCI 1.1), of one layer, the text
// of the signature. The same signature gives the same artifact everywhere. An image may have several, by several keys.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kSignatureArtifactType = "application/vnd.dev.unikctl.signature.v1";
inline constexpr std::string_view kSignatureMediaType = "application/vnd.dev.unikctl.signature.v1.minisign";
inline constexpr Bytes kMaxSignatureText = kibibytes(4);

struct ImageSignature {
  Descriptor artifact;  // its manifest
  FileSignature signature;

  bool operator==(const ImageSignature&) const = default;
};

// Of the image whose manifest is `manifest`; the trusted comment names its digest. Signing again gives the same.
FileSignature sign_image(const SecretKey& key, std::string_view manifest);

// Those that the store has of `image`, without those that are damaged.
Result<std::vector<ImageSignature>> image_signatures(const BlobStore& store, const Digest& image);

// Keeps it beside `image`, whose manifest must be in the store; whether it is right is not asked. Adding it again
// changes nothing. Errors: also `exhausted/too_many_referrers`.
Result<Descriptor> add_image_signature(const BlobStore& store, const Digest& image, const FileSignature& signature);

// Signs an image of the store and keeps the signature beside it. Errors: also `not_found/no_such_blob`.
Result<FileSignature> sign_stored_image(const BlobStore& store, const Digest& image, const SecretKey& key);

// The text of the signature that `artifact` holds: of the one layer that there has to be. Errors: `invalid/
// bad_signature` for another kind of artifact, or one about another image.
Result<Descriptor> signature_layer(const Manifest& artifact, const Digest& image);

// The first of `keys` by which one of `signatures` is right. `what` begins the message. Errors: `invalid/
// unsigned_image` (none is by one of the keys), `invalid/wrong_signature` (one says so, and is of other bytes).
Result<PublicKey> check_signatures(std::string_view what, std::string_view manifest,
                                   std::span<const FileSignature> signatures, std::span<const PublicKey> keys);

// The same for what a store has of `image`. `keys` are base64 lines. Errors: also `invalid/bad_public_key`,
// `not_found/no_such_blob`.
Result<PublicKey> check_signatures(const BlobStore& store, std::string_view what, const Digest& image,
                                   std::span<const std::string> keys);

}  // namespace unik::runtimes
