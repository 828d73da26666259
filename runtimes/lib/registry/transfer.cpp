#include "runtimes/lib/registry/transfer.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/registry/artifact.hpp"
#include "runtimes/lib/registry/signature_transfer.hpp"

namespace unik::runtimes {
namespace {

// The progress of a transfer, told under its lock.
class Tally {
 public:
  explicit Tally(const OnProgress& tell) : tell_(tell) {}

  template <typename Change>
  void change(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(progress_);
    if (tell_) tell_(progress_);
  }
  TransferProgress progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

 private:
  mutable std::mutex mutex_;
  TransferProgress progress_;
  const OnProgress& tell_;
};

// Config and layers, each once: an image may have the same layer twice.
std::vector<Descriptor> blobs_of(const Manifest& manifest) {
  std::map<Digest, Descriptor> all{{manifest.config.digest, manifest.config}};
  for (const Descriptor& layer : manifest.layers) all.emplace(layer.digest, layer);
  std::vector<Descriptor> blobs;
  for (auto& [digest, blob] : all) blobs.push_back(std::move(blob));
  // The largest first, so that none is left alone at the end.
  std::stable_sort(blobs.begin(), blobs.end(), [](const auto& a, const auto& b) { return a.size > b.size; });
  return blobs;
}

// Runs `work` for every blob on a few threads; the first error stops what has not begun.
Result<void> for_each_blob(const std::vector<Descriptor>& blobs,
                           const std::function<Result<void>(const Descriptor&)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> problem;
  const auto run = [&] {
    for (std::size_t i = next++; i < blobs.size(); i = next++) {
      {
        const std::lock_guard lock(mutex);
        if (problem) return;
      }
      auto done = work(blobs[i]);
      const std::lock_guard lock(mutex);
      if (!done && !problem) problem = std::move(done).error();
    }
  };
  std::vector<std::thread> workers;
  const std::size_t count = std::min<std::size_t>(kTransferWorkers, blobs.size());
  for (std::size_t i = 1; i < count; ++i) workers.emplace_back(run);
  run();
  for (std::thread& worker : workers) worker.join();
  if (problem) return *problem;
  return {};
}

Result<void> pull_blob(RegistryClient& client, const BlobStore& store, const Descriptor& blob, Tally& tally) {
  if (store.size_of(blob.digest) == blob.size) {
    tally.change([](TransferProgress& progress) { ++progress.blobs_done, ++progress.reused; });
    return {};
  }
  tally.change([&](TransferProgress& progress) { progress.bytes += blob.size; });
  auto writer = store.writer();
  if (!writer) return std::move(writer).error();
  std::int64_t done = 0;
  RegistryClient::BlobSink sink;
  sink.take = [&](std::string_view bytes) -> Result<void> {
    if (auto written = writer->write(bytes); !written) return written;
    done += static_cast<std::int64_t>(bytes.size());
    tally.change([&](TransferProgress& progress) { progress.bytes_done += static_cast<std::int64_t>(bytes.size()); });
    return {};
  };
  sink.restart = [&]() -> Result<void> {
    auto fresh = store.writer();
    if (!fresh) return std::move(fresh).error();
    *writer = *std::move(fresh);
    tally.change([&](TransferProgress& progress) { progress.bytes_done -= done; });
    done = 0;
    return {};
  };
  if (auto fetched = client.fetch_blob(blob.digest, blob.size, sink); !fetched) return fetched;
  auto finished = writer->finish(blob.digest);
  if (!finished) {
    Error error = std::move(finished).error();
    if (error.reason == "digest_mismatch")
      error.message = client.registry() + ": " + client.repository() + ": " + error.message +
                      "; what was sent is not what was asked for";
    return error;
  }
  tally.change([](TransferProgress& progress) { ++progress.blobs_done; });
  return {};
}

// The bytes of a blob, verified by the time that the last one is read: damage on this disk is said to be here, and not
// by the registry, and is never sent whole.
Result<RegistryClient::BlobSource> verified_source(const BlobStore& store, const Descriptor& blob) {
  auto read = blob_source(store.blob_path(blob.digest));
  if (!read) return read;
  if (store.size_of(blob.digest) != blob.size) return store.damaged(blob.digest);
  struct Sum {
    Sha256 hash;
    std::int64_t hashed = 0;  // what a cut lost is read again
  };
  return RegistryClient::BlobSource([read = *std::move(read), sum = std::make_shared<Sum>(), store, blob](
                                        std::int64_t offset, std::span<char> into) -> Result<std::size_t> {
    auto got = read(offset, into);
    if (!got) return got;
    const std::int64_t end = offset + static_cast<std::int64_t>(*got);
    // A registry may claim to have what it was never sent; its own digest is wrong then.
    if (offset > sum->hashed || end <= sum->hashed) return got;
    sum->hash.update({into.data() + (sum->hashed - offset), static_cast<std::size_t>(end - sum->hashed)});
    sum->hashed = end;
    if (end == blob.size && sum->hash.finish() != blob.digest) return store.damaged(blob.digest);
    return got;
  });
}

Result<void> push_blob(RegistryClient& client, const BlobStore& store, const Descriptor& blob,
                       const std::vector<std::string>& mount_from, Tally& tally) {
  const auto reused = [&] {
    tally.change([](TransferProgress& progress) { ++progress.blobs_done, ++progress.reused; });
    return Result<void>();
  };
  auto there = client.has_blob(blob.digest);
  if (!there) return std::move(there).error();
  if (*there) return reused();
  for (const std::string& repository : mount_from) {
    if (repository == client.repository()) continue;
    auto mounted = client.mount_blob(blob.digest, repository);
    if (!mounted) return std::move(mounted).error();
    if (*mounted) return reused();
  }
  const auto read = verified_source(store, blob);
  if (!read) return read.error();
  tally.change([&](TransferProgress& progress) { progress.bytes += blob.size; });
  std::int64_t told = 0;
  auto pushed = client.push_blob(blob.digest, blob.size, *read, [&](std::int64_t sent) {
    tally.change([&](TransferProgress& progress) { progress.bytes_done += sent - told; });
    told = sent;
  });
  if (!pushed) return pushed;
  tally.change([](TransferProgress& progress) { ++progress.blobs_done; });
  return {};
}

std::string wanted_of(const ImageName& name) {
  if (name.digest) return to_string(*name.digest);
  return name.tag.empty() ? std::string(kDefaultTag) : name.tag;
}

}  // namespace

Result<RemoteDocument> remote_manifest(RegistryClient& client, const ImageName& name, const Platform& platform) {
  auto document = client.manifest(wanted_of(name));
  if (!document || !is_image_index(document->text)) return document;
  auto chosen = choose_image(document->text, platform);
  if (chosen) return client.manifest(to_string(chosen->digest));
  Error error = std::move(chosen).error();
  error.message = to_string(name) + ": " + error.message;
  return error;
}

Result<PulledImage> pull_image(RegistryClient& client, const BlobStore& store, const ImageName& name,
                               const Platform& platform, const OnProgress& progress) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto document = remote_manifest(client, name, platform);
  if (!document) return std::move(document).error();
  PulledImage pulled;
  auto manifest = parse_manifest(document->text);
  if (!manifest) return invalid("bad_manifest", to_string(name) + ": " + manifest.error().message);
  Tally tally(progress);
  const auto blobs = blobs_of(*manifest);
  tally.change([&](TransferProgress& now) { now.blobs = static_cast<int>(blobs.size()); });
  auto fetched = for_each_blob(blobs, [&](const Descriptor& blob) { return pull_blob(client, store, blob, tally); });
  if (!fetched) return std::move(fetched).error();
  auto put = store.put(document->text);
  if (!put) return std::move(put).error();
  pulled.image.name = index_name(name);
  pulled.image.manifest = {std::string(kManifestMediaType), put->digest, put->size, {}};
  if (auto named = store.set_image(pulled.image); !named) return std::move(named).error();
  auto signatures = pull_signatures(client, store, put->digest);
  if (!signatures) return std::move(signatures).error();
  pulled.signatures = *signatures;
  pulled.progress = tally.progress();
  return pulled;
}

Result<Digest> push_image(RegistryClient& client, const BlobStore& store, const Digest& image, const ImageName& name,
                          const std::vector<std::string>& mount_from, const OnProgress& progress) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto text = store.read(image);
  if (!text) return std::move(text).error();
  auto manifest = store.manifest(image);
  if (!manifest) return std::move(manifest).error();
  Tally tally(progress);
  const auto blobs = blobs_of(*manifest);
  tally.change([&](TransferProgress& now) { now.blobs = static_cast<int>(blobs.size()); });
  auto sent =
      for_each_blob(blobs, [&](const Descriptor& blob) { return push_blob(client, store, blob, mount_from, tally); });
  if (!sent) return std::move(sent).error();
  // Under the type that its own text states: another one would be another image to a registry that checks.
  auto put = client.put_manifest(wanted_of(name), *text, media_type_of(*text));
  if (!put) return std::move(put).error();
  if (auto signatures = push_signatures(client, store, image); !signatures) return std::move(signatures).error();
  return image;
}

}  // namespace unik::runtimes
