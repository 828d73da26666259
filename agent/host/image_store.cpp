#include "agent/host/image_store.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"
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

// What its files take of the disk; what vanishes meanwhile counts nothing.
std::int64_t bytes_below(const std::string& directory) {
  std::int64_t bytes = 0;
  std::error_code problem;
  for (std::filesystem::recursive_directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const std::uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

}  // namespace

class ImageStore::State {
 public:
  State(BlobStore store, ImageStoreOptions options, std::function<void(Event)> deliver)
      : store_(std::move(store)),
        directory_(std::move(options.directory)),
        cache_(directory_ + "/boot"),
        fetch_(std::move(options.fetch)),
        fetch_signatures_(std::move(options.fetch_signatures)),
        bound_(options.bound),
        deliver_(std::move(deliver)) {
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

  std::vector<std::string> ready_images(const std::set<std::string>& unsigned_ones) {
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
      if (!unsigned_ones.contains(image.name)) continue;
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
      needed_ = std::move(effect.needed);
      needed_.insert(effect.wanted.image);
      ++round_;
      for (const std::string& image : needed_) last_needed_[image] = round_;
      if (!wanted_.insert(effect.wanted).second) return;  // the answer to the first serves both
      queue_.push_back(std::move(effect.wanted));
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
  // The first in the queue whose image no other worker is at.
  std::deque<WantedImage>::iterator next() {
    return std::find_if(queue_.begin(), queue_.end(),
                        [this](const WantedImage& wanted) { return !busy_.contains(wanted.image); });
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || next() != queue_.end(); });
      if (ending_) return;
      const auto taken = next();
      const WantedImage wanted = std::move(*taken);
      queue_.erase(taken);
      busy_.insert(wanted.image);
      lock.unlock();
      ImageReady answer{wanted, {}, {}};
      const Time begun = wire::read_clock().boot;
      const Result<void> trusted = find_room(wanted);
      std::shared_lock working(in_use_);
      const Result<void> fetched = trusted.ok() ? fetch_missing(wanted.image) : trusted;
      if (fetched.ok()) answer.fetch = wire::read_clock().boot - begun;
      Result<BootFiles> files = fetched.ok() ? prepare(wanted.image, answer) : Result<BootFiles>(fetched.error());
      working.unlock();
      lock.lock();
      wanted_.erase(wanted);
      busy_.erase(wanted.image);
      if (files.ok())
        ready_.insert_or_assign(wanted.image, std::move(*files));
      else if (fetched.ok())
        ready_.erase(wanted.image);  // what others trust and have booted stays theirs
      if (ending_) return;
      const bool last = busy_.empty() && queue_.empty();
      lock.unlock();
      if (last) make_room(!files.ok() && files.error().reason == "disk_full" ? bound_.value : 0);
      changed_.notify_all();
      if (files.ok())
        deliver_(std::move(answer));
      else
        deliver_(ImageFailed{wanted, files.error()});
      lock.lock();
    }
  }

  // Room for what is still to come, as far as the manifest states it: what no goal needs goes before, not after.
  // Nothing of an image that has to be signed is fetched, but for the manifest, or takes others' room before it is
  // known to be.
  Result<void> find_room(const WantedImage& wanted) {
    const std::string& image = wanted.image;
    const Result<runtimes::Reference> reference = runtimes::parse_reference(image);
    if (!reference.ok()) return reference.error();
    const Result<std::int64_t> coming = bytes_to_come(*reference, wanted.trusted_keys);
    if (!coming.ok()) return coming.error();
    if (*coming > bound_.value)
      return invalid("image_too_large", "image " + image + ": want at most " + format_bytes(bound_) +
                                            " to fetch, as this node keeps (`unik-agent run --image-cache`), found " +
                                            format_bytes(Bytes{*coming}) + "; take a smaller image, or give it more");
    if (*coming > 0) make_room(*coming);
    return {};
  }

  Result<std::int64_t> bytes_to_come(const runtimes::Reference& image, const std::vector<std::string>& trusted_keys) {
    const std::shared_lock working(in_use_);
    const Result<BlobStore::Hold> hold = store_.hold();
    if (!hold.ok()) return hold.error();
    if (Result<void> dropped = store_.drop_damaged(image.digest); !dropped.ok()) return dropped.error();
    if (!store_.has(image.digest))
      if (Result<void> written = write_blob(store_, image.digest, fetch_, ending_); !written.ok())
        return written.error();
    if (Result<void> trusted = check_trust(image, trusted_keys); !trusted.ok()) return trusted.error();
    const Result<runtimes::Manifest> manifest = store_.manifest(image.digest);
    if (!manifest.ok()) return manifest.error();
    std::map<Digest, std::int64_t> coming;  // an image may have the same layer twice
    const auto count = [&](const runtimes::Descriptor& part) {
      if (!store_.has(part.digest)) coming[part.digest] = std::min(part.size, runtimes::kMaxBlob.value);
    };
    count(manifest->config);
    for (const runtimes::Descriptor& layer : manifest->layers) count(layer);
    std::int64_t bytes = 0;
    for (const auto& [digest, size] : coming) bytes += size;
    return bytes;
  }

  // Images that no goal needs go until `room` more bytes are within the bound, or none is left. Waits for the workers,
  // where it has to.
  void make_room(std::int64_t room) {
    if (fits(room)) return;
    const std::unique_lock alone(in_use_);
    std::unique_lock lock(mutex_);
    std::set<std::string> needed = needed_;
    needed.insert(busy_.begin(), busy_.end());
    const std::map<std::string, std::uint64_t> last_needed = last_needed_;
    lock.unlock();
    if (fits(room)) return;
    std::vector<std::string> idle;
    if (const auto images = store_.images(); images.ok())
      for (const runtimes::NamedImage& image : *images)
        if (!needed.contains(image.name)) idle.push_back(image.name);
    const auto when = [&](const std::string& image) {
      const auto found = last_needed.find(image);
      return found == last_needed.end() ? 0 : found->second;
    };
    std::stable_sort(idle.begin(), idle.end(), [&](const auto& a, const auto& b) { return when(a) < when(b); });
    std::size_t gone = 0;
    for (const std::string& image : idle) {
      if (const Result<void> removed = remove(image, needed); !removed.ok()) {
        wire::log(wire::LogLevel::kWarning, "images", "cannot make room", {{"error", to_string(removed.error())}});
        break;
      }
      ++gone;
      if (fits(room)) break;
    }
    if (gone > 0) wire::log(wire::LogLevel::kInfo, "images", "made room", {{"images", gone}, {"bound", bound_.value}});
  }

  bool fits(std::int64_t room) const { return bytes_below(directory_) <= bound_.value - room; }

  // With all that no other image needs; `needed` may be on their way, and not in the index yet.
  Result<void> remove(const std::string& image, const std::set<std::string>& needed) {
    if (Result<void> removed = store_.remove_image(image); !removed.ok()) return removed;
    std::vector<BootFiles> boots;
    {
      const std::lock_guard lock(mutex_);
      ready_.erase(image);
      last_needed_.erase(image);
      for (const auto& [name, files] : ready_) boots.push_back(files);
    }
    std::vector<Digest> kept;
    for (const std::string& other : needed)
      if (const auto reference = runtimes::parse_reference(other); reference.ok()) kept.push_back(reference->digest);
    const Result<BlobStore::Collected> collected = store_.collect_garbage(kept);
    if (!collected.ok()) return collected.error();
    if (!collected->unreadable.empty())
      wire::log(wire::LogLevel::kWarning, "images", "images have no manifest that can be read",
                {{"images", collected->unreadable.size()}, {"first", to_string(collected->unreadable.front())}});
    const Result<std::vector<runtimes::NamedImage>> images = store_.images();
    if (!images.ok()) return images.error();
    for (const runtimes::NamedImage& other : *images) kept.push_back(other.manifest.digest);
    return runtimes::prune_boot(store_, kept, cache_, boots);
  }

  Result<BootFiles> prepare(const std::string& image, ImageReady& answer) {
    const Time begun = wire::read_clock().boot;
    Result<BootFiles> files = runtimes::prepare_boot(store_, runtimes::parse_reference(image)->digest, cache_);
    answer.prepare = wire::read_clock().boot - begun;
    return files;
  }

  // The controller is asked only where what is here does not do: what boots again needs nobody.
  Result<void> check_trust(const runtimes::Reference& image, const std::vector<std::string>& keys) const {
    if (keys.empty()) return {};
    const std::string what = "image " + to_string(image);
    const auto known = runtimes::check_signatures(store_, what, image.digest, keys);
    if (known.ok()) return {};
    const auto told = told_signatures(image.digest);
    if (!told.ok()) return told.error();
    const Result<std::string> manifest = store_.read(image.digest);
    if (!manifest.ok()) return manifest.error();
    std::vector<runtimes::PublicKey> trusted;
    for (const std::string& line : keys)
      if (const auto key = runtimes::parse_public_key(line); key.ok()) trusted.push_back(*key);
    const auto checked = runtimes::check_signatures(what, *manifest, *told, trusted);
    if (!checked.ok()) return known.error().reason == "wrong_signature" ? known.error() : checked.error();
    // What is made up takes no place here.
    for (const runtimes::FileSignature& signature : *told)
      if (runtimes::check_signatures(what, *manifest, {&signature, 1}, trusted).ok())
        if (const auto added = add_image_signature(store_, image.digest, signature); !added.ok()) return added.error();
    return {};
  }

  // By the controller. Whatever keeps it from telling, it has not said that there is none.
  Result<std::vector<runtimes::FileSignature>> told_signatures(const Digest& image) const {
    const Result<std::vector<std::string>> texts = fetch_signatures_(image);
    if (!texts.ok())
      return unavailable("signatures_unknown", "want the signatures of " + to_string(image) +
                                                   " from the controller, found " + texts.error().message);
    std::vector<runtimes::FileSignature> signatures;
    for (const std::string& text : *texts)
      if (const auto signature = runtimes::parse_signature(text); signature.ok()) signatures.push_back(*signature);
    return signatures;
  }

  Result<void> fetch_missing(const std::string& name) {
    const Result<runtimes::Reference> reference = runtimes::parse_reference(name);
    if (!reference.ok()) return reference.error();
    const runtimes::Reference& image = *reference;
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
  const std::string directory_;
  const std::string cache_;
  const FetchBlob fetch_;
  const FetchSignatures fetch_signatures_;
  const Bytes bound_;
  const std::function<void(Event)> deliver_;

  std::shared_mutex in_use_;  // the store and the cache: by workers shared, alone by who makes room; before `mutex_`
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WantedImage> queue_;  // none twice
  std::set<WantedImage> wanted_;   // queued or under way
  std::set<std::string> busy_;     // images under way
  std::set<std::string> needed_;   // by goals
  std::uint64_t round_ = 0;        // of `last_needed_`
  std::map<std::string, std::uint64_t> last_needed_;
  std::map<std::string, BootFiles> ready_;
  std::atomic<bool> ending_ = false;
  std::vector<std::thread> workers_;
};

Result<std::unique_ptr<ImageStore>> ImageStore::create(ImageStoreOptions options, std::function<void(Event)> deliver) {
  Result<BlobStore> store = BlobStore::open(options.directory + "/store");
  if (!store.ok()) return std::move(store).error();
  return std::unique_ptr<ImageStore>(
      new ImageStore(std::make_unique<State>(std::move(*store), std::move(options), std::move(deliver))));
}

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageStore::~ImageStore() = default;

std::vector<std::string> ImageStore::ready_images(const std::set<std::string>& unsigned_ones) {
  return state_->ready_images(unsigned_ones);
}
void ImageStore::fetch(FetchImage effect) {
  state_->fetch(std::move(effect));
}
Result<BootFiles> ImageStore::boot_files(const std::string& image) const {
  return state_->boot_files(image);
}

}  // namespace unik::agent
