#include "runtimes/lib/registry/artifact.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

Descriptor described(std::string_view media_type, std::string_view text) {
  return {std::string(media_type), sha256(text), static_cast<std::int64_t>(text.size()), {}};
}

Result<std::size_t> read_at(const Fd& fd, const std::filesystem::path& path, std::int64_t offset,
                            std::span<char> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        ::pread(fd.get(), into.data() + done, into.size() - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("store_failed", "reading", path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace

Result<RemoteArtifact> find_artifact(RegistryClient& client, std::string_view reference, const ArtifactKind& kind) {
  auto document = client.manifest(reference);
  if (!document) return std::move(document).error();
  const auto manifest = parse_manifest(document->text);
  const bool fits = manifest && manifest->artifact_type == kind.type && manifest->layers.size() == 1 &&
                    manifest->layers.front().media_type == kind.media_type;
  if (!fits)
    return invalid("bad_artifact", client.registry() + "/" + client.repository() + ":" + std::string(reference) +
                                       ": want an artifact of type " + std::string(kind.type) +
                                       " with one file, found " +
                                       (manifest && !manifest->artifact_type.empty() ? manifest->artifact_type
                                        : manifest                                   ? "an image"
                                                                                     : "something else"));
  return RemoteArtifact{document->digest, manifest->layers.front()};
}

Result<Digest> push_artifact(RegistryClient& client, std::string_view reference, const ArtifactKind& kind,
                             const Descriptor& file, const RegistryClient::BlobSource& read,
                             const RegistryClient::OnSent& sent) {
  const auto there = client.has_blob(file.digest);
  if (!there) return there.error();
  if (!*there)
    if (auto pushed = client.push_blob(file.digest, file.size, read, sent); !pushed) return std::move(pushed).error();
  if (auto pushed = push_text(client, kEmptyText); !pushed) return std::move(pushed).error();
  Manifest manifest;
  manifest.config = described(kEmptyMediaType, kEmptyText);
  manifest.layers = {{std::string(kind.media_type), file.digest, file.size, {}}};
  manifest.artifact_type = kind.type;
  const std::string text = print_manifest(manifest);
  if (auto put = client.put_manifest(reference, text, kManifestMediaType); !put) return std::move(put).error();
  return sha256(text);
}

Result<std::string> fetch_text(RegistryClient& client, const Descriptor& blob) {
  std::string text;
  RegistryClient::BlobSink sink;
  sink.take = [&](std::string_view bytes) -> Result<void> {
    text += bytes;
    return {};
  };
  sink.restart = [&]() -> Result<void> {
    text.clear();
    return {};
  };
  if (auto fetched = client.fetch_blob(blob.digest, blob.size, sink); !fetched) return std::move(fetched).error();
  if (sha256(text) != blob.digest)
    return invalid("digest_mismatch", client.registry() + ": want " + to_string(blob.digest) + ", got other bytes");
  return text;
}

Result<void> push_text(RegistryClient& client, std::string_view text) {
  const Digest digest = sha256(text);
  const auto there = client.has_blob(digest);
  if (!there) return there.error();
  if (*there) return {};
  return client.push_blob(digest, static_cast<std::int64_t>(text.size()), blob_source(text), {});
}

Result<RegistryClient::BlobSource> blob_source(const std::filesystem::path& file) {
  auto opened = open_file(file, O_RDONLY);
  if (!opened) return std::move(opened).error();
  const auto fd = std::make_shared<Fd>(*std::move(opened));
  return RegistryClient::BlobSource(
      [fd, file](std::int64_t offset, std::span<char> into) { return read_at(*fd, file, offset, into); });
}

RegistryClient::BlobSource blob_source(std::string_view text) {
  return [text](std::int64_t offset, std::span<char> into) -> Result<std::size_t> {
    return text.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
  };
}

}  // namespace unik::runtimes
