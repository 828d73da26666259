#include "agent/host/image_store.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::agent {
namespace {

using runtimes::BlobStore;
using runtimes::Digest;

class ImageStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "unik-images-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    auto origin = BlobStore::open(directory_ + "/origin");
    ASSERT_TRUE(origin.ok());
    origin_.emplace(std::move(*origin));
    image_ = pack("web", "not a tar");
  }
  void TearDown() override {
    images_.reset();
    std::filesystem::remove_all(directory_);
  }

  // An image whose manifest and config are right and whose one layer no root can be made of: what this store does up to
  // there is its own.
  std::string pack(const std::string& name, const std::string& layer) const {
    runtimes::Manifest manifest;
    const auto put = [&](std::string_view bytes, std::string_view type) {
      const auto blob = origin_->put(bytes);
      runtimes::Descriptor descriptor;
      descriptor.media_type = type;
      descriptor.digest = blob->digest;
      descriptor.size = blob->size;
      return descriptor;
    };
    runtimes::ImageConfig config;
    config.entrypoint = {"/app/x"};
    config.diff_ids = {runtimes::sha256(layer)};
    manifest.config = put(runtimes::print_image_config(config), runtimes::kConfigMediaType);
    manifest.layers = {put(layer, runtimes::kLayerTarMediaType)};
    const auto document = put(runtimes::print_manifest(manifest), runtimes::kManifestMediaType);
    return to_string(runtimes::Reference{name, document.digest});
  }

  void open(FetchBlob fetch, Bytes bound = kImageCacheBound) {
    const auto fetch_signatures = [this](const Digest&) -> Result<std::vector<std::string>> {
      ++asked_;
      if (away_) return unavailable("connection_refused", "nobody there");
      return signatures_;
    };
    ImageStoreOptions options{directory_ + "/node", std::move(fetch), fetch_signatures, bound};
    auto opened = ImageStore::create(std::move(options), [this](Event event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    });
    ASSERT_TRUE(opened.ok()) << to_string(opened.error());
    images_ = std::move(*opened);
  }

  Result<void> serve(const Digest& digest, const BlobSink& sink) {
    ++fetched_;
    const Result<std::string> bytes = origin_->read(digest);
    if (!bytes.ok()) return bytes.error();
    for (std::size_t at = 0; at < bytes->size(); at += 7)
      if (!sink(std::string_view(*bytes).substr(at, 7))) return unavailable("aborted", "the sink gave up");
    return {};
  }

  Error next_failure() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !events_.empty(); });
    Event event = std::move(events_.front());
    events_.erase(events_.begin());
    return std::get<ImageFailed>(event).error;
  }

  std::set<std::string> kept() const {
    std::set<std::string> names;
    const auto store = BlobStore::open(directory_ + "/node/store");
    const auto images = store->images();
    for (const runtimes::NamedImage& image : *images) names.insert(image.name);
    return names;
  }

  // What comes of the image where `keys` are trusted. Its layer, which no root can be made of, is opened after that.
  std::string reason_with(const std::vector<std::string>& keys) {
    images_->fetch({WantedImage{image_, keys}});
    const Error error = next_failure();
    return error.reason.empty() ? error.message : error.reason;
  }
  std::string signature_by(const runtimes::SecretKey& key) {
    return print_signature(sign_image(key, *origin_->read(runtimes::parse_reference(image_)->digest)));
  }

  std::string directory_;
  std::optional<BlobStore> origin_;
  std::string image_;
  std::atomic<int> fetched_ = 0;
  std::atomic<int> asked_ = 0;           // for signatures
  bool away_ = false;                    // the controller
  std::vector<std::string> signatures_;  // that it has
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::unique_ptr<ImageStore> images_;
};

TEST_F(ImageStoreTest, BlobsAreFetchedOnceAndKept) {
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); });
  EXPECT_TRUE(images_->ready_images({image_}).empty());
  EXPECT_EQ(images_->boot_files(image_).error().reason, "image_not_ready");
  images_->fetch({WantedImage{image_}});
  (void)next_failure();  // of the layer, after all blobs are there
  EXPECT_EQ(fetched_, 3);
  images_->fetch({WantedImage{image_}});
  (void)next_failure();
  EXPECT_EQ(fetched_, 3);
}

TEST_F(ImageStoreTest, RequestsForOneImageCoalesce) {
  std::mutex gate;
  gate.lock();
  open([&](const Digest& digest, const BlobSink& sink) {
    const std::lock_guard wait(gate);
    return serve(digest, sink);
  });
  for (int i = 0; i < 10; ++i) images_->fetch({WantedImage{image_}});
  gate.unlock();
  (void)next_failure();
  images_.reset();
  EXPECT_EQ(fetched_, 3);
  EXPECT_TRUE(events_.empty());
}

TEST_F(ImageStoreTest, BeyondItsBoundWhatNoGoalNeedsGoesAndNothingElse) {
  const std::string large(100'000, 'x');
  const std::string one = pack("one", large + "1");
  const std::string two = pack("two", large + "2");
  const std::string three = pack("three", large + "3");
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); }, Bytes{250'000});
  const auto fetch = [this](const std::string& image, std::set<std::string> needed) {
    images_->fetch({WantedImage{image}, std::move(needed)});
    (void)next_failure();
  };
  fetch(one, {one});
  fetch(two, {one, two});
  EXPECT_EQ(kept(), (std::set{one, two}));
  fetch(three, {one, two, three});
  EXPECT_EQ(kept(), (std::set{one, three, two})) << "goals come before the bound";
  fetch(three, {two, three});
  EXPECT_EQ(kept(), (std::set{three, two}));
  const int before = fetched_;
  fetch(one, {one, three});
  EXPECT_EQ(fetched_, before + 3) << "what has gone is fetched again";
  EXPECT_EQ(kept(), (std::set{one, three}));
  const auto store = BlobStore::open(directory_ + "/node/store");
  const auto blobs = store->list();
  for (const runtimes::BlobInfo& blob : *blobs)
    EXPECT_NE(blob.digest, runtimes::sha256(large + "2")) << "its bytes have gone with it";
}

TEST_F(ImageStoreTest, BeyondItsBoundWhatWasNeededLastStays) {
  const std::string large(100'000, 'x');
  const std::string one = pack("one", large + "1");
  const std::string two = pack("two", large + "2");
  const std::string three = pack("three", large + "3");
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); }, Bytes{250'000});
  for (const std::string& image : {two, one, three}) {
    images_->fetch({WantedImage{image}, {image}});
    (void)next_failure();
  }
  EXPECT_EQ(kept(), (std::set{one, three}));
}

TEST_F(ImageStoreTest, RoomIsMadeBeforeAnImageIsFetched) {
  const std::string large(100'000, 'x');
  const std::string one = pack("one", large + "1");
  const std::string two = pack("two", large + "2");
  std::set<std::string> kept_then;
  open(
      [&](const Digest& digest, const BlobSink& sink) {
        if (digest == runtimes::sha256(large + "2")) kept_then = kept();
        return serve(digest, sink);
      },
      Bytes{150'000});
  for (const std::string& image : {one, image_, two}) {
    images_->fetch({WantedImage{image}, {image_, image}});
    (void)next_failure();
  }
  EXPECT_EQ(kept_then, std::set{image_});
  EXPECT_EQ(kept(), (std::set{two, image_}));
}

TEST_F(ImageStoreTest, NoRoomIsMadeForAnImageThatNobodyTrustedHasSigned) {
  const std::string large(100'000, 'x');
  const std::string one = pack("one", large + "1");
  const std::string two = pack("two", large + "2");
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); }, Bytes{150'000});
  images_->fetch({WantedImage{one}, {one}});
  (void)next_failure();
  const int before = fetched_;
  images_->fetch({WantedImage{two, {key_line(runtimes::generate_key().public_key)}}, {two}});
  EXPECT_EQ(next_failure().reason, "unsigned_image");
  EXPECT_EQ(kept(), std::set{one});
  EXPECT_EQ(fetched_, before + 1) << "its manifest";
}

TEST_F(ImageStoreTest, AnImageBeyondTheBoundIsRefusedUnfetched) {
  const std::string huge = pack("huge", std::string(100'000, 'x'));
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); }, Bytes{50'000});
  images_->fetch({WantedImage{huge}, {huge}});
  const Error error = next_failure();
  EXPECT_EQ(error.reason, "image_too_large");
  EXPECT_FALSE(traits(error.code).retryable);
  EXPECT_EQ(fetched_, 1) << "its manifest";
}

TEST_F(ImageStoreTest, ADamagedManifestKeepsNothingElseFromGoing) {
  const std::string large(100'000, 'x');
  const std::string one = pack("one", large + "1");
  const std::string two = pack("two", large + "2");
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); }, Bytes{150'000});
  for (const std::string& image : {image_, one}) {
    images_->fetch({WantedImage{image}, {image_, image}});
    (void)next_failure();
  }
  const auto store = BlobStore::open(directory_ + "/node/store");
  const Digest damaged = runtimes::parse_reference(image_)->digest;
  std::ofstream(store->blob_path(damaged)) << "?";
  images_->fetch({WantedImage{two}, {image_, two}});
  (void)next_failure();
  EXPECT_EQ(kept(), (std::set{two, image_}));
  EXPECT_FALSE(store->has(runtimes::sha256(large + "1")));
  EXPECT_TRUE(store->has(damaged));
  images_->fetch({WantedImage{image_}, {image_}});
  (void)next_failure();
  EXPECT_TRUE(store->missing(damaged)->empty()) << "fetched again";
}

TEST_F(ImageStoreTest, OnAFullDiskAllGoesThatNoGoalNeeds) {
  const std::string other = pack("other", "another");
  const std::string third = pack("third", "a third");
  bool full = false;
  open([&](const Digest& digest, const BlobSink& sink) -> Result<void> {
    if (full) return exhausted("disk_full", "as a full disk fails a write");
    return serve(digest, sink);
  });
  for (const std::string& image : {image_, other}) {
    images_->fetch({WantedImage{image}, {image_, other}});
    (void)next_failure();
  }
  full = true;
  images_->fetch({WantedImage{third}, {other, third}});
  EXPECT_EQ(next_failure().reason, "disk_full");
  EXPECT_EQ(kept(), (std::set{other}));
}

TEST_F(ImageStoreTest, AlteredBytesAreRefusedAndMayBeTriedAgain) {
  open([](const Digest&, const BlobSink& sink) -> Result<void> {
    sink("other bytes");
    return {};
  });
  images_->fetch({WantedImage{image_}});
  const Error error = next_failure();
  EXPECT_EQ(error.reason, "digest_mismatch");
  EXPECT_TRUE(traits(error.code).retryable);
}

TEST_F(ImageStoreTest, AControllersErrorIsTold) {
  open([](const Digest&, const BlobSink&) -> Result<void> { return not_found("no_such_blob", "gone"); });
  images_->fetch({WantedImage{image_}});
  EXPECT_EQ(next_failure().reason, "no_such_blob");
  images_->fetch({WantedImage{"web:latest"}});
  EXPECT_EQ(next_failure().reason, "bad_reference");
}

TEST_F(ImageStoreTest, TheEndDoesNotWaitForASlowBlob) {
  std::atomic<bool> begun = false;
  open([&](const Digest&, const BlobSink& sink) -> Result<void> {
    begun = true;
    while (sink("x")) std::this_thread::yield();
    return unavailable("aborted", "the sink gave up");
  });
  images_->fetch({WantedImage{image_}});
  while (!begun) std::this_thread::yield();
  images_.reset();
  EXPECT_TRUE(events_.empty());
}

TEST_F(ImageStoreTest, NothingUnsignedIsOpenedWhereKeysAreTrusted) {
  const runtimes::SecretKey ours = runtimes::generate_key(), theirs = runtimes::generate_key();
  const std::vector<std::string> trusted = {key_line(ours.public_key)};
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); });
  const std::string opened = reason_with({});
  EXPECT_EQ(reason_with(trusted), "unsigned_image");
  signatures_ = {"rubbish", signature_by(theirs)};
  EXPECT_EQ(reason_with(trusted), "unsigned_image");
  // Another image's signature beside this one.
  signatures_ = {print_signature(sign_image(ours, "another manifest"))};
  EXPECT_EQ(reason_with(trusted), "wrong_signature");
  signatures_ = {signature_by(ours)};
  EXPECT_EQ(reason_with(trusted), opened) << "signed after it was fetched";
  EXPECT_EQ(reason_with({key_line(theirs.public_key), trusted[0]}), opened);
}

TEST_F(ImageStoreTest, AnImageThatIsKnownToBeSignedNeedsNoController) {
  const runtimes::SecretKey ours = runtimes::generate_key(), newer = runtimes::generate_key();
  open([this](const Digest& digest, const BlobSink& sink) { return serve(digest, sink); });
  const std::string opened = reason_with({});
  signatures_ = {signature_by(ours)};
  EXPECT_EQ(reason_with({key_line(ours.public_key)}), opened);
  EXPECT_EQ(asked_, 1);
  away_ = true;
  EXPECT_EQ(reason_with({key_line(ours.public_key)}), opened);
  EXPECT_EQ(asked_, 1);
  // Whether there is one by the newer key, only the controller knows: that is asked again, not refused for good.
  images_->fetch({WantedImage{image_, {key_line(newer.public_key)}}});
  EXPECT_TRUE(traits(next_failure().code).retryable);
}

}  // namespace
}  // namespace unik::agent
