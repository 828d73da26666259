#include "agent/host/image_store.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "runtimes/lib/oci/reference.hpp"
#include "wire/clock.hpp"
#include "wire/log.hpp"

namespace unik::agent {
namespace {

using runtimes::BlobStore;
using runtimes::BootFiles;
using runtimes::Digest;

Result<void> write_blob(const BlobStore& store, const Digest& digest, const FetchBlob& fetch,
                        const std::atomic<bool>& ending) {
  Result<BlobStore::Writer> writer = store.writer();
  if (!writer.ok()) return std::move(writer).error();
  std::optional<Error> problem;
  const Result<void> fetched = fetch(digest, [&](std::string_view chunk) {
    if (ending) return false;
    Result<void> written = writer->write(chunk);
    if (!written.ok()) problem = written.error();
    return written.ok();
  });
  if (problem) return *problem;
  if (!fetched.ok()) return fetched.error();
  Result<runtimes::BlobInfo> finished = writer->finish(digest);
  if (finished.ok()) return {};
  // What came is not what was asked for: a proxy's page, a broken transfer. Another try may help.
  if (finished.error().reason == "digest_mismatch")
    return unavailable("digest_mismatch", "the controller's " + to_string(digest) + " arrived altered; trying again");
  return std::move(finished).error();
}

}  // namespace

class ImageStore::State {
 public:
  State(BlobStore store, std::string cache, FetchBlob fetch, std::function<void(Event)> deliver)
      : store_(std::move(store)), cache_(std::move(cache)), fetch_(std::move(fetch)), deliver_(std::move(deliver)) {
    for (int i = 0; i < kImageWorkers; ++i) workers_.emplace_back([this] { run(); });
  }

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  std::vector<std::string> ready_images() {
    std::vector<std::string> ready;
    const Result<std::vector<runtimes::NamedImage>> images = store_.images();
    if (!images.ok()) {
      wire::log(wire::LogLevel::kWarning, "images", "cannot list images", {{"error", to_string(images.error())}});
      return ready;
    }
    for (const runtimes::NamedImage& image : *images) {
      // The node holds several versions of one name, so each stands in the index under its whole reference.
      const Result<runtimes::Reference> reference = runtimes::parse_reference(image.name);
      if (!reference.ok() || reference->digest != image.manifest.digest) continue;
      const Digest& digest = reference->digest;
      const Result<std::vector<Digest>> missing = store_.missing(digest);
      if (!missing.ok() || !missing->empty()) continue;
      Result<BootFiles> files = runtimes::prepare_boot(store_, digest, cache_);
      if (!files.ok()) continue;  // fetched again when it is wanted, and then said why
      const std::lock_guard lock(mutex_);
      ready_.insert_or_assign(image.name, std::move(*files));
      ready.push_back(image.name);
    }
    return ready;
  }

  void fetch(FetchImage effect) {
    {
      const std::lock_guard lock(mutex_);
      if (!wanted_.insert(effect.image).second) return;  // the answer to the first serves both
      queue_.push_back(std::move(effect.image));
    }
    changed_.notify_one();
  }

  Result<BootFiles> boot_files(const std::string& image) const {
    const std::lock_guard lock(mutex_);
    const auto found = ready_.find(image);
    if (found != ready_.end()) return found->second;
    return not_found("image_not_ready", "want the image " + image + " ready on this node, found it is not: fetch it");
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      const std::string image = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      ImageReady answer{image, {}, {}};
      Result<BootFiles> files = make_ready(image, answer);
      lock.lock();
      wanted_.erase(image);
      if (files.ok())
        ready_.insert_or_assign(image, std::move(*files));
      else
        ready_.erase(image);
      if (ending_) return;
      lock.unlock();
      if (files.ok())
        deliver_(std::move(answer));
      else
        deliver_(ImageFailed{image, files.error()});
      lock.lock();
    }
  }

  Result<BootFiles> make_ready(const std::string& image, ImageReady& answer) {
    const Result<runtimes::Reference> reference = runtimes::parse_reference(image);
    if (!reference.ok()) return reference.error();
    const Time begun = wire::read_clock().boot;
    if (Result<void> fetched = fetch_missing(*reference); !fetched.ok()) return fetched.error();
    const Time there = wire::read_clock().boot;
    Result<BootFiles> files = runtimes::prepare_boot(store_, reference->digest, cache_);
    answer.fetch = there - begun;
    answer.prepare = wire::read_clock().boot - there;
    return files;
  }

  Result<void> fetch_missing(const runtimes::Reference& image) {
    const Result<BlobStore::Hold> hold = store_.hold();
    if (!hold.ok()) return hold.error();
    for (int round = 0; round < kMaxFetchRounds; ++round) {
      const Result<std::vector<Digest>> missing = store_.missing(image.digest);
      if (!missing.ok()) return missing.error();
      if (missing->empty()) return keep(image);
      for (const Digest& digest : *missing)
        if (Result<void> written = write_blob(store_, digest, fetch_, ending_); !written.ok()) return written;
    }
    return unavailable("image_incomplete", "want all blobs of " + to_string(image) +
                                               " to stay in the store, found "
                                               "some removed while it was fetched");
  }

  // Named in the index, so that a collector keeps it and a later agent finds it.
  Result<void> keep(const runtimes::Reference& image) {
    const Result<std::string> manifest = store_.read(image.digest);
    if (!manifest.ok()) return manifest.error();
    runtimes::NamedImage named;
    named.name = to_string(image);
    named.manifest.media_type = std::string(runtimes::kManifestMediaType);
    named.manifest.digest = image.digest;
    named.manifest.size = static_cast<std::int64_t>(manifest->size());
    return store_.set_image(named);
  }

  const BlobStore store_;
  const std::string cache_;
  const FetchBlob fetch_;
  const std::function<void(Event)> deliver_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;  // no image twice
  std::set<std::string> wanted_;   // queued or under way
  std::map<std::string, BootFiles> ready_;
  std::atomic<bool> ending_ = false;
  std::vector<std::thread> workers_;
};

Result<std::unique_ptr<ImageStore>> ImageStore::create(ImageStoreOptions options, std::function<void(Event)> deliver) {
  Result<BlobStore> store = BlobStore::open(options.directory + "/store");
  if (!store.ok()) return std::move(store).error();
  return std::unique_ptr<ImageStore>(new ImageStore(std::make_unique<State>(
      std::move(*store), options.directory + "/boot", std::move(options.fetch), std::move(deliver))));
}

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageStore::~ImageStore() = default;

std::vector<std::string> ImageStore::ready_images() {
  return state_->ready_images();
}
void ImageStore::fetch(FetchImage effect) {
  state_->fetch(std::move(effect));
}
Result<BootFiles> ImageStore::boot_files(const std::string& image) const {
  return state_->boot_files(image);
}

}  // namespace unik::agent
