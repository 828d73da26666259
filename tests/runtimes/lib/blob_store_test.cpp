#include "runtimes/lib/oci/blob_store.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using BlobStoreTest = LibTest;

Descriptor manifest_of(const BlobStore& store, const std::string& text) {
  const auto layer = store.put(text);
  const auto config = store.put(print_image_config({}));
  Manifest manifest;
  manifest.config = {std::string(kConfigMediaType), config->digest, config->size, {}};
  manifest.layers.push_back({std::string(kLayerTarMediaType), layer->digest, layer->size, {}});
  const auto blob = store.put(print_manifest(manifest));
  return {std::string(kManifestMediaType), blob->digest, blob->size, {}};
}

// Runs `work` in a process of its own; returns its pid.
pid_t in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  work();
  ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

TEST_F(BlobStoreTest, GivesBackWhatWasPut) {
  const BlobStore blobs = store();
  const auto put = blobs.put("hello");
  ASSERT_OK(put);
  EXPECT_EQ(put->digest, sha256("hello"));
  EXPECT_EQ(put->size, 5);
  EXPECT_TRUE(blobs.has(put->digest));
  EXPECT_EQ(*blobs.read(put->digest), "hello");
  EXPECT_EQ(blobs.list()->size(), 1u);
  EXPECT_EQ(blobs.read(put->digest, Bytes{4}).error().reason, "blob_too_large");
  EXPECT_EQ(blobs.read(sha256("other")).error().reason, "no_such_blob");
}

TEST_F(BlobStoreTest, RefusesABlobThatIsNotWhatWasPromised) {
  const BlobStore blobs = store();
  auto out = blobs.writer();
  ASSERT_OK(out);
  ASSERT_OK(out->write("evil"));
  EXPECT_EQ(out->finish(sha256("good")).error().reason, "digest_mismatch");
  EXPECT_TRUE(blobs.list()->empty());
  auto small = blobs.writer(Bytes{3});
  ASSERT_OK(small);
  EXPECT_EQ(small->write("four").error().reason, "blob_too_large");
}

TEST_F(BlobStoreTest, NoticesDamageOnDisk) {
  const BlobStore blobs = store();
  const Digest digest = blobs.put(std::string(100000, 'x'))->digest;
  {
    std::fstream file(blobs.blob_path(digest), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50000);
    file.put('y');
  }
  EXPECT_EQ(blobs.read(digest).error().reason, "corrupt_blob");
  auto reader = blobs.open_blob(digest);
  ASSERT_OK(reader);
  std::vector<char> buffer(4096);
  Result<std::size_t> got = std::size_t{1};
  while (got && *got > 0) got = reader->read(buffer);
  EXPECT_EQ(got.error().reason, "corrupt_blob");
}

TEST_F(BlobStoreTest, AShortBlobIsWrittenAgain) {
  const BlobStore blobs = store();
  const Digest digest = blobs.put("whole")->digest;
  fs::resize_file(blobs.blob_path(digest), 0);
  ASSERT_OK(blobs.put("whole"));
  EXPECT_EQ(*blobs.read(digest), "whole");
}

TEST_F(BlobStoreTest, ADamagedBlobIsWrittenAgain) {
  const BlobStore blobs = store();
  const Digest digest = blobs.put("whole")->digest;
  write_file(blobs.blob_path(digest), "?????");
  ASSERT_OK(blobs.put("whole"));
  EXPECT_EQ(*blobs.read(digest), "whole");
}

TEST_F(BlobStoreTest, AnUnfinishedWriterLeavesNothing) {
  const BlobStore blobs = store();
  {
    auto out = blobs.writer();
    ASSERT_OK(out->write("half"));
  }
  EXPECT_TRUE(fs::is_empty(blobs.dir() / "tmp"));
  EXPECT_TRUE(blobs.list()->empty());
}

TEST_F(BlobStoreTest, AKilledWriterLeavesNothingThatCounts) {
  const BlobStore blobs = store();
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i)
    texts.push_back(std::string(300000, static_cast<char>('a' + i % 26)) + std::to_string(i));
  for (int round = 0; round < 10; ++round) {
    const pid_t child = in_child([&] {
      for (int i = 0;; i = (i + 1) % 40) {
        if (!blobs.put(texts[static_cast<std::size_t>(i)])) return;
        if (!blobs.set_image({"app" + std::to_string(i), manifest_of(blobs, texts[static_cast<std::size_t>(i)])}))
          return;
        if (i % 7 == 6) (void)blobs.remove_image("app" + std::to_string(i - 3));
      }
    });
    ::usleep(static_cast<useconds_t>(3000 + 7000 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    const auto whole = blobs.list();
    ASSERT_OK(whole);
    for (const BlobInfo& blob : *whole) EXPECT_OK(blobs.read(blob.digest));
    const auto images = blobs.images();
    ASSERT_OK(images);
    for (const NamedImage& image : *images) EXPECT_TRUE(blobs.missing(image.manifest.digest)->empty());
  }
  ASSERT_OK(blobs.collect_garbage());
  EXPECT_TRUE(fs::is_empty(blobs.dir() / "tmp"));
}

TEST_F(BlobStoreTest, ManyProcessesPutAndNameAtOnce) {
  const BlobStore blobs = store();
  std::vector<pid_t> children;
  for (int process = 0; process < 6; ++process)
    children.push_back(in_child([&, process] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_OK(blobs.put("shared " + std::to_string(i)));
        EXPECT_OK(blobs.set_image({"app-" + std::to_string(process) + "-" + std::to_string(i),
                                   manifest_of(blobs, std::to_string(process * 100 + i))}));
      }
    }));
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(blobs.images()->size(), 60u);
}

TEST_F(BlobStoreTest, CollectsWhatNoImageNeeds) {
  const BlobStore blobs = store();
  const Descriptor kept = manifest_of(blobs, "kept"), named = manifest_of(blobs, "named"),
                   lost = manifest_of(blobs, "lost");
  ASSERT_OK(blobs.set_image({"named", named}));
  ASSERT_OK(blobs.put("stray"));
  {
    const auto hold = blobs.hold();
    EXPECT_EQ(blobs.collect_garbage().error().reason, "store_busy");
  }
  const Digest keep[] = {kept.digest};
  const auto collected = blobs.collect_garbage(keep);
  ASSERT_OK(collected);
  EXPECT_EQ(collected->blobs, 3u);  // `lost`, its layer, and the stray
  EXPECT_TRUE(blobs.missing(kept.digest)->empty());
  EXPECT_TRUE(blobs.missing(named.digest)->empty());
  EXPECT_FALSE(blobs.has(lost.digest));
}

TEST_F(BlobStoreTest, AnImageThatIsNoneOrDamagedKeepsNothingElse) {
  const BlobStore blobs = store();
  const Descriptor whole = manifest_of(blobs, "whole"), damaged = manifest_of(blobs, "damaged");
  const Digest none = blobs.put("abc")->digest;
  for (const auto& [name, image] : {std::pair("whole", whole), std::pair("damaged", damaged)})
    ASSERT_OK(blobs.set_image({name, image}));
  write_file(blobs.blob_path(damaged.digest), std::string(static_cast<std::size_t>(damaged.size), '?'));
  ASSERT_OK(blobs.put("stray"));
  const Digest keep[] = {none};
  const auto collected = blobs.collect_garbage(keep);
  ASSERT_OK(collected);
  EXPECT_EQ(collected->blobs, 2u);  // the damaged one's layer, and the stray
  EXPECT_EQ(std::set<Digest>(collected->unreadable.begin(), collected->unreadable.end()),
            (std::set<Digest>{none, damaged.digest}));
  EXPECT_TRUE(blobs.has(none));
  EXPECT_TRUE(blobs.has(damaged.digest));
  EXPECT_TRUE(blobs.missing(whole.digest)->empty());
}

TEST_F(BlobStoreTest, SweepsWhatAKilledReplacementLeft) {
  const BlobStore blobs = store();
  const std::string left[] = {".oci-layout.7-0-1",  ".index.json.7-0-1", "layers/.a.7-0-1",
                              "referrers/.a.7-0-1", "tmp/.spool-7-0-1",  "tmp/blob-7-0-1"};
  for (const std::string& name : left) write_file(blobs.dir() / name, "half");
  write_file(blobs.dir() / ".mine", "of somebody else");
  {
    const auto hold = blobs.hold();
    EXPECT_EQ(blobs.collect_garbage().error().reason, "store_busy");
    for (const std::string& name : left) EXPECT_TRUE(fs::exists(blobs.dir() / name)) << name;
  }
  ASSERT_OK(blobs.collect_garbage());
  for (const std::string& name : left) EXPECT_FALSE(fs::exists(blobs.dir() / name)) << name;
  EXPECT_TRUE(fs::exists(blobs.dir() / ".mine"));
  EXPECT_TRUE(fs::exists(blobs.dir() / "index.json"));
  EXPECT_TRUE(fs::exists(blobs.dir() / "oci-layout"));
}

// Writers hold the store from before their first blob until the image is named; a collector that runs all the time may
// take only what nobody names. Some writers are killed half-way.
TEST_F(BlobStoreTest, ACollectorAmongWritersTakesNothingThatIsNamed) {
  constexpr int kWriters = 4, kImages = 25;
  const BlobStore blobs = store();
  const auto write = [&](int writer, int first, int last) {
    for (int i = first; i < last; ++i) {
      const auto hold = blobs.hold();
      if (!hold) ::_exit(2);
      const std::string name = "app-" + std::to_string(writer) + "-" + std::to_string(i);
      if (!blobs.set_image({name, manifest_of(blobs, name + std::string(20000, 'x'))})) ::_exit(3);
      if (!blobs.put("garbage of " + name)) ::_exit(4);
    }
  };
  std::vector<pid_t> writers;
  for (int writer = 0; writer < kWriters; ++writer)
    writers.push_back(in_child([&, writer] { write(writer, 0, kImages); }));
  const pid_t doomed = in_child([&] { write(kWriters, 0, 1'000'000); });
  const pid_t collector = in_child([&] {
    while (true)
      if (const auto collected = blobs.collect_garbage(); !collected && collected.error().reason != "store_busy")
        ::_exit(5);
  });
  for (const pid_t child : writers) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  for (const pid_t child : {doomed, collector}) {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "ended by itself with " << WEXITSTATUS(status);
  }
  const auto images = blobs.images();
  ASSERT_OK(images);
  EXPECT_GE(images->size(), static_cast<std::size_t>(kWriters * kImages));
  for (const NamedImage& image : *images) {
    const auto missing = blobs.missing(image.manifest.digest);
    ASSERT_OK(missing);
    EXPECT_TRUE(missing->empty()) << image.name;
    const auto manifest = blobs.manifest(image.manifest.digest);
    ASSERT_OK(manifest);
    for (const Descriptor& layer : manifest->layers) EXPECT_OK(blobs.read(layer.digest));
  }
  ASSERT_OK(blobs.collect_garbage());
  EXPECT_TRUE(fs::is_empty(blobs.dir() / "tmp"));
  EXPECT_EQ(blobs.list()->size(), 2 * images->size() + 1);  // a manifest and a layer each, and one config
}

TEST_F(BlobStoreTest, ANameMovesOnlyFromWhereItWasSeen) {
  const BlobStore blobs = store();
  const Descriptor one = manifest_of(blobs, "one"), two = manifest_of(blobs, "two");
  EXPECT_EQ(blobs.set_image({"web", two}, one.digest).error().reason, "image_moved");
  ASSERT_OK(blobs.set_image({"web", one}));
  ASSERT_OK(blobs.set_image({"web", two}, one.digest));
  const auto late = blobs.set_image({"web", one}, one.digest);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  EXPECT_NE(late.error().message.find(to_string(two.digest)), std::string::npos) << late.error().message;
  EXPECT_EQ(blobs.find_image("web")->manifest.digest, two.digest);
}

TEST_F(BlobStoreTest, ANameMovesAndGoes) {
  const BlobStore blobs = store();
  const Descriptor one = manifest_of(blobs, "one"), two = manifest_of(blobs, "two");
  ASSERT_OK(blobs.set_image({"web", one}));
  ASSERT_OK(blobs.set_image({"web", two}));
  EXPECT_EQ(blobs.find_image("web")->manifest, two);
  EXPECT_EQ(blobs.images()->size(), 1u);
  ASSERT_OK(blobs.remove_image("web"));
  EXPECT_EQ(blobs.find_image("web").error().reason, "no_such_image");
}

TEST_F(BlobStoreTest, RefusesADirectoryThatIsSomethingElse) {
  write_file(dir_ / "odd" / "oci-layout", "{\"imageLayoutVersion\":\"7.0\"}");
  EXPECT_EQ(BlobStore::open(dir_ / "odd").error().reason, "not_a_store");
}

}  // namespace
}  // namespace unik::runtimes
