#include "runtimes/lib/signature/image_signatures.hpp"

#include <optional>

#include "runtimes/lib/oci/image_index.hpp"

namespace unik::runtimes {
namespace {

Result<ImageSignature> read_signature(const BlobStore& store, const Digest& image, const Descriptor& artifact) {
  const auto manifest = store.manifest(artifact.digest);
  if (!manifest) return manifest.error();
  const auto layer = signature_layer(*manifest, image);
  if (!layer) return layer.error();
  const auto text = store.read(layer->digest, kMaxSignatureText);
  if (!text) return text.error();
  auto signature = parse_signature(*text);
  if (!signature) return std::move(signature).error();
  return ImageSignature{artifact, *std::move(signature)};
}

std::string ids_of(std::span<const PublicKey> keys) {
  std::string text;
  for (const PublicKey& key : keys) text += (text.empty() ? "" : ", ") + to_string(key.id);
  return text;
}

Error unsigned_image(std::string_view what, std::span<const FileSignature> signatures,
                     std::span<const PublicKey> keys) {
  std::string found;
  for (const FileSignature& signature : signatures) found += (found.empty() ? "" : ", ") + to_string(signature.id);
  return invalid("unsigned_image", std::string(what) + ": want a signature by a trusted key (" + ids_of(keys) +
                                       "), found " + (found.empty() ? "none" : "only by " + found) +
                                       "; `unikctl image sign` makes one, and `image push` takes it along");
}

}  // namespace

FileSignature sign_image(const SecretKey& key, std::string_view manifest) {
  return sign(key, prehash(manifest), "image " + to_string(sha256(manifest)));
}

Result<std::vector<ImageSignature>> image_signatures(const BlobStore& store, const Digest& image) {
  const auto artifacts = store.referrers(image);
  if (!artifacts) return artifacts.error();
  std::vector<ImageSignature> signatures;
  for (const Descriptor& artifact : *artifacts)
    if (auto signature = read_signature(store, image, artifact)) signatures.push_back(*std::move(signature));
  return signatures;
}

Result<Descriptor> add_image_signature(const BlobStore& store, const Digest& image, const FileSignature& signature) {
  const auto hold = store.hold();
  if (!hold) return hold.error();
  const auto text = store.read(image);
  if (!text) return text.error();
  const auto empty = store.put(kEmptyText);
  if (!empty) return empty.error();
  const auto layer = store.put(print_signature(signature));
  if (!layer) return layer.error();
  Manifest manifest;
  manifest.config = {std::string(kEmptyMediaType), empty->digest, empty->size, {}};
  manifest.layers = {{std::string(kSignatureMediaType), layer->digest, layer->size, {}}};
  manifest.artifact_type = kSignatureArtifactType;
  manifest.subject = Descriptor{media_type_of(*text), image, static_cast<std::int64_t>(text->size()), {}};
  const auto written = store.put(print_manifest(manifest));
  if (!written) return written.error();
  Descriptor artifact{std::string(kManifestMediaType), written->digest, written->size, {}, manifest.artifact_type};
  if (auto added = store.add_referrer(image, artifact); !added) return std::move(added).error();
  return artifact;
}

Result<FileSignature> sign_stored_image(const BlobStore& store, const Digest& image, const SecretKey& key) {
  const auto manifest = store.read(image);
  if (!manifest) return manifest.error();
  auto signature = sign_image(key, *manifest);
  if (auto added = add_image_signature(store, image, signature); !added) return std::move(added).error();
  return signature;
}

Result<Descriptor> signature_layer(const Manifest& artifact, const Digest& image) {
  const bool fits = artifact.artifact_type == kSignatureArtifactType && artifact.subject &&
                    artifact.subject->digest == image && artifact.layers.size() == 1 &&
                    artifact.layers.front().size <= kMaxSignatureText.value;
  if (!fits)
    return invalid("bad_signature", "want an artifact of type " + std::string(kSignatureArtifactType) + " about " +
                                        to_string(image) + " with one layer, found another");
  return artifact.layers.front();
}

Result<PublicKey> check_signatures(std::string_view what, std::string_view manifest,
                                   std::span<const FileSignature> signatures, std::span<const PublicKey> keys) {
  const Prehash hash = prehash(manifest);
  std::optional<Error> wrong;
  for (const PublicKey& key : keys) {
    for (const FileSignature& signature : signatures) {
      if (signature.id != key.id) continue;
      auto right = verify(signature, hash, key, what);
      if (right) return key;
      if (!wrong) wrong = std::move(right).error();
    }
  }
  if (wrong) return *std::move(wrong);
  return unsigned_image(what, signatures, keys);
}

Result<PublicKey> check_signatures(const BlobStore& store, std::string_view what, const Digest& image,
                                   std::span<const std::string> keys) {
  std::vector<PublicKey> trusted;
  for (const std::string& line : keys) {
    auto key = parse_public_key(line);
    if (!key) return std::move(key).error();
    trusted.push_back(*std::move(key));
  }
  const auto manifest = store.read(image);
  if (!manifest) return manifest.error();
  const auto kept = image_signatures(store, image);
  if (!kept) return kept.error();
  std::vector<FileSignature> signatures;
  for (const ImageSignature& signature : *kept) signatures.push_back(signature.signature);
  return check_signatures(what, *manifest, signatures, trusted);
}

}  // namespace unik::runtimes
