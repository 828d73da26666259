#include "runtimes/lib/registry/signature_transfer.hpp"

#include <algorithm>
#include <utility>

#include "runtimes/lib/registry/artifact.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::runtimes {
namespace {

std::string referrers_tag(const Digest& image) {
  return "sha256-" + to_hex(image);
}

bool is_signature(const Descriptor& artifact) {
  return artifact.artifact_type.empty() || artifact.artifact_type == kSignatureArtifactType;
}

Result<std::vector<NamedImage>> tagged_referrers(RegistryClient& client, const Digest& image) {
  auto document = client.manifest(referrers_tag(image));
  if (!document && document.error().code == ErrorCode::kNotFound) return std::vector<NamedImage>();
  if (!document) return std::move(document).error();
  auto index = parse_index(document->text);
  if (!index)
    return invalid("bad_index", client.registry() + ": " + client.repository() + ":" + referrers_tag(image) + ": " +
                                    index.error().message);
  return index;
}

Result<std::vector<NamedImage>> remote_referrers(RegistryClient& client, const Digest& image) {
  auto kept = client.referrers(image);
  if (!kept) return std::move(kept).error();
  if (!*kept) return tagged_referrers(client, image);
  return parse_index(**kept);
}

Result<FileSignature> fetch_signature(RegistryClient& client, const Digest& image, const Digest& artifact) {
  auto document = client.manifest(to_string(artifact));
  if (!document) return std::move(document).error();
  auto manifest = parse_manifest(document->text);
  if (!manifest) return std::move(manifest).error();
  auto layer = signature_layer(*manifest, image);
  if (!layer) return std::move(layer).error();
  auto text = fetch_text(client, *layer);
  if (!text) return std::move(text).error();
  return parse_signature(*text);
}

// Returns whether the registry lists it by itself.
Result<bool> push_artifact(RegistryClient& client, const BlobStore& store, const Descriptor& artifact) {
  auto text = store.read(artifact.digest);
  if (!text) return std::move(text).error();
  auto manifest = parse_manifest(*text);
  if (!manifest) return std::move(manifest).error();
  for (const Descriptor& blob : {manifest->config, manifest->layers.front()}) {
    const auto bytes = store.read(blob.digest, kMaxSignatureText);
    if (!bytes) return bytes.error();
    if (auto sent = push_text(client, *bytes); !sent) return std::move(sent).error();
  }
  return client.put_manifest(to_string(artifact.digest), *text, kManifestMediaType);
}

Result<void> tag_referrers(RegistryClient& client, const Digest& image, const std::vector<Descriptor>& added) {
  auto listed = tagged_referrers(client, image);
  if (!listed) return std::move(listed).error();
  for (const Descriptor& artifact : added) {
    const auto same = [&](const NamedImage& other) { return other.manifest.digest == artifact.digest; };
    if (std::none_of(listed->begin(), listed->end(), same)) listed->push_back({{}, artifact});
  }
  auto put = client.put_manifest(referrers_tag(image), print_index(*listed), kIndexMediaType);
  if (!put) return std::move(put).error();
  return {};
}

}  // namespace

Result<std::vector<FileSignature>> remote_signatures(RegistryClient& client, const Digest& image) {
  auto listed = remote_referrers(client, image);
  if (!listed) return std::move(listed).error();
  std::erase_if(*listed, [](const NamedImage& entry) { return !is_signature(entry.manifest); });
  listed->resize(std::min(listed->size(), kMaxSignaturesRead));
  std::vector<FileSignature> signatures;
  for (const NamedImage& entry : *listed) {
    auto signature = fetch_signature(client, image, entry.manifest.digest);
    if (signature) {
      signatures.push_back(*std::move(signature));
      continue;
    }
    // What is no signature says nothing of the image; a registry that fails might hide one.
    if (traits(signature.error().code).retryable) return std::move(signature).error();
  }
  return signatures;
}

Result<std::size_t> pull_signatures(RegistryClient& client, const BlobStore& store, const Digest& image) {
  auto signatures = remote_signatures(client, image);
  if (!signatures) return std::move(signatures).error();
  for (const FileSignature& signature : *signatures)
    if (auto added = add_image_signature(store, image, signature); !added) return std::move(added).error();
  return signatures->size();
}

Result<void> push_signatures(RegistryClient& client, const BlobStore& store, const Digest& image) {
  auto kept = image_signatures(store, image);
  if (!kept) return std::move(kept).error();
  if (kept->empty()) return {};
  auto listed = remote_referrers(client, image);
  if (!listed) return std::move(listed).error();
  std::vector<Descriptor> unlisted;
  for (const ImageSignature& signature : *kept) {
    const auto same = [&](const NamedImage& other) { return other.manifest.digest == signature.artifact.digest; };
    if (std::any_of(listed->begin(), listed->end(), same)) continue;
    auto lists_itself = push_artifact(client, store, signature.artifact);
    if (!lists_itself) return std::move(lists_itself).error();
    if (!*lists_itself) unlisted.push_back(signature.artifact);
  }
  return unlisted.empty() ? Result<void>() : tag_referrers(client, image, unlisted);
}

}  // namespace unik::runtimes
