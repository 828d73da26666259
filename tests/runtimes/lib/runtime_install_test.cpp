// A runtime from a registry: fetched, resumed, verified, installed; and everything that must not be.
#include "runtimes/lib/runtime/runtime_install.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/package_download.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "tests/runtimes/lib/file_server.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

SecretKey key_from(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return key_of(bytes, {seed});
}

class RuntimeInstalls : public LibTest {
 protected:
  // Of one program; or of `raw_layer_`, whatever that holds.
  LayerBlob layer_of(const BlobStore& blobs, const std::string& name, const std::string& content) {
    if (!raw_layer_.empty()) {
      const auto blob = blobs.put(raw_layer_);
      const Annotations runtime{{std::string(kLayerAnnotation), "runtime"}};
      return {{std::string(kLayerTarMediaType), blob->digest, blob->size, runtime}, blob->digest};
    }
    FileTree tree;
    FileNode node;
    node.mode = mode_;
    node.content = content;
    node.size = static_cast<std::int64_t>(content.size());
    EXPECT_OK(put_node(tree, "usr/bin/" + name, node));
    return *put_layer(blobs, tree, "runtime");
  }
  // An image that says that it is a runtime, in a store of its own: what a publisher has.
  InstalledRuntime made(const BlobStore& blobs, const std::string& name, const std::string& version,
                        const std::string& content = "print") {
    const LayerBlob layer = layer_of(blobs, name, content);
    ImageConfig config;
    config.diff_ids = {layer.diff_id};
    config.history = {"runtime"};
    const auto config_blob = blobs.put(print_image_config(config));
    Manifest manifest;
    manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
    manifest.layers = {layer.descriptor};
    manifest.annotations[std::string(kRuntimeAnnotation)] = name + "@" + version;
    const auto blob = blobs.put(print_manifest(manifest));
    EXPECT_OK(blobs.set_image(
        {"runtimes/" + name + ":" + version, {std::string(kManifestMediaType), blob->digest, blob->size, {}}}));
    const auto installed = installed_runtimes(blobs);
    const InstalledRuntime* found = find_installed(*installed, {"runtimes", name, version});
    EXPECT_NE(found, nullptr);
    return *found;
  }

  // Its package at the server, and what a registry says of it.
  RuntimeRelease published(const std::string& name, const std::string& version,
                           const std::optional<SecretKey>& key = std::nullopt, const std::string& content = "print") {
    const BlobStore blobs = store("publisher-" + version);
    const InstalledRuntime runtime = made(blobs, name, version, content);
    const auto package = write_runtime_package(
        blobs, runtime, {{"runtime/manifest.yaml", "name: " + name + "\n"}, {"runtime/versions.lock", "{}"}},
        dir_ / "packages");
    EXPECT_OK(package);
    server_.put("/" + package->file.filename().string(), slurp(package->file));
    RuntimeRelease release;
    release.version = *parse_runtime_version(version);
    release.download_url = package->file.filename();
    release.checksum = package->checksum;
    release.size = package->size;
    release.platforms = {"linux/amd64", "linux/arm64"};
    release.image_digest = package->image_digest;
    if (key) release.signature = print_signature(sign(*key, *prehash_file(package->file), name + "@" + version));
    return release;
  }
  // Bytes that are no such package, published as if they were.
  RuntimeRelease published_bytes(const std::string& bytes) {
    server_.put("/evil.tar.gz", bytes);
    RuntimeRelease release;
    release.version = {1, 0, 0};
    release.download_url = "evil.tar.gz";
    release.checksum = sha256(bytes);
    release.size = static_cast<std::int64_t>(bytes.size());
    release.platforms = {"linux/amd64", "linux/arm64"};
    return release;
  }

  Result<InstalledRelease> install(const RuntimeRelease& release, const std::optional<PublicKey>& key = std::nullopt,
                                   const std::string& name = "lang") {
    registry_.configured.name = "test";
    registry_.configured.public_key = key;
    registry_.file_url = server_.url() + "/registry.json";
    return install_release(places(), {&registry_, name, release});
  }
  InstallPlaces places() {
    if (!store_) store_.emplace(store("host"));
    return {*store_,
            dir_ / "roots",
            dir_ / "downloads",
            "runtimes",
            {},
            [this](const std::string& text) { said_ += text + "\n"; },
            {}};
  }
  std::vector<std::string> installed() {
    std::vector<std::string> names;
    const auto there = installed_runtimes(places().store);
    for (const InstalledRuntime& one : *there) names.push_back(to_string(one.name));
    return names;
  }
  // Nothing of a failed install is there, but perhaps what a later one goes on with.
  void expect_nothing() {
    EXPECT_THAT(installed(), IsEmpty());
    EXPECT_FALSE(fs::exists(dir_ / "roots/lang"));
  }
  std::size_t downloads() const {
    const auto is_file = [](const fs::directory_entry& entry) { return entry.is_regular_file(); };
    const fs::directory_iterator all(dir_ / "downloads");
    return static_cast<std::size_t>(std::count_if(begin(all), end(all), is_file));
  }

  FileServer server_;
  FetchedRegistry registry_;
  std::optional<BlobStore> store_;
  std::string said_;
  std::string raw_layer_;
  std::uint32_t mode_ = 0644;
};

TEST_F(RuntimeInstalls, BringWhatWasPublished) {
  const SecretKey key = key_from(1);
  const RuntimeRelease release = published("lang", "1.2.0", key);
  const auto done = install(release, key.public_key);
  ASSERT_OK(done);
  EXPECT_EQ(done->image_digest, *release.image_digest);
  EXPECT_FALSE(done->was_there);
  EXPECT_THAT(installed(), ElementsAre("runtimes/lang@1.2.0"));
  const auto record = find_install_record(dir_ / "roots", {"", "lang", "1.2.0"});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(*record, (InstallRecord{"test", server_.url() + "/lang-1.2.0.tar.gz", release.checksum, release.size,
                                    *release.image_digest, to_string(key.public_key.id), key_line(key.public_key)}));
  EXPECT_EQ(slurp(dir_ / "roots/lang/1.2.0/package/package.minisig"), release.signature);
  EXPECT_EQ(slurp(dir_ / "roots/lang/1.2.0/package/manifest.yaml"), "name: lang\n");
  EXPECT_EQ(installed_documents(dir_ / "roots", {"", "lang", "1.2.0"}).size(), 2U);
  EXPECT_FALSE(fs::exists(dir_ / "downloads" / to_hex(release.checksum)));
  // An app can stand on it, and what was kept beside stays.
  const auto there = installed_runtimes(places().store);
  const auto opened = open_runtime(places().store, dir_ / "roots", there->front());
  ASSERT_OK(opened);
  EXPECT_EQ(slurp(opened->root / "usr/bin/lang"), "print");
  EXPECT_TRUE(find_install_record(dir_ / "roots", {"", "lang", "1.2.0"}).has_value());
  // Once more: nothing is fetched.
  const std::size_t asked = server_.seen().size();
  EXPECT_TRUE(install(release, key.public_key)->was_there);
  EXPECT_EQ(server_.seen().size(), asked);
}

TEST_F(RuntimeInstalls, ArePackagedToTheSameBytesAgain) {
  const RuntimeRelease release = published("lang", "1.0.0");
  ASSERT_OK(install(release));
  const auto there = installed_runtimes(places().store);
  const auto again = write_runtime_package(places().store, there->front(),
                                           installed_documents(dir_ / "roots", {"", "lang", "1.0.0"}), dir_ / "again");
  ASSERT_OK(again);
  EXPECT_EQ(again->checksum, release.checksum);
}

TEST_F(RuntimeInstalls, CanBeReadByOthers) {
  if (!have("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  const RuntimeRelease release = published("lang", "1.0.0");
  int code = 0;
  const std::string said =
      shell("gunzip -c " + (dir_ / "packages/lang-1.0.0.tar.gz").string() + " >" + (dir_ / "plain.tar").string() +
                " && skopeo inspect --raw oci-archive:" + (dir_ / "plain.tar").string() + ":lang:1.0.0",
            &code);
  EXPECT_EQ(code, 0) << said;
  EXPECT_EQ(to_string(sha256(said)), to_string(*release.image_digest));
}

TEST_F(RuntimeInstalls, RefuseOtherBytes) {
  RuntimeRelease release = published("lang", "1.0.0");
  const Digest right = release.checksum;
  release.checksum = sha256("other");
  const auto refused = install(release);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "wrong_checksum");
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr(to_string(right)), HasSubstr(to_string(release.checksum))));
  EXPECT_FALSE(fs::exists(dir_ / "downloads" / to_hex(release.checksum)));
  expect_nothing();
}

TEST_F(RuntimeInstalls, RefuseAnotherSize) {
  RuntimeRelease release = published("lang", "1.0.0");
  const std::int64_t size = release.size;
  release.size = size + 1;
  EXPECT_THAT(install(release).error().message,
              AllOf(HasSubstr("want " + std::to_string(size + 1)), HasSubstr("found " + std::to_string(size))));
  release.size = size - 1;
  EXPECT_EQ(install(release).error().reason, "wrong_size");
  expect_nothing();
}

TEST_F(RuntimeInstalls, RefuseWhatTheTrustedKeyDidNotSign) {
  const SecretKey trusted = key_from(1);
  const auto without = install(published("lang", "1.0.0"), trusted.public_key);
  EXPECT_EQ(without.error().reason, "unsigned");
  const auto other = install(published("lang", "1.0.0", key_from(2)), trusted.public_key);
  EXPECT_EQ(other.error().reason, "unknown_key");
  EXPECT_THAT(server_.seen(), IsEmpty()) << "both can be told before a byte is fetched";
  RuntimeRelease changed = published("lang", "1.0.0", trusted);
  changed.signature = print_signature(sign(trusted, prehash("another package"), "lang@1.0.0"));
  EXPECT_EQ(install(changed, trusted.public_key).error().reason, "wrong_signature");
  expect_nothing();
}

// A registry that lies: what the publisher signed for one runtime is offered as another, or as a newer one.
TEST_F(RuntimeInstalls, RefuseASignedPackageOfAnotherRuntime) {
  const SecretKey key = key_from(1);
  RuntimeRelease release = published("lang", "1.0.0", key);
  const auto renamed = install(release, key.public_key, "other");
  EXPECT_EQ(renamed.error().reason, "bad_package");
  EXPECT_THAT(renamed.error().message, HasSubstr("want an image of `other@1.0.0`, found one of `lang@1.0.0`"));
  release.version = {2, 0, 0};
  EXPECT_EQ(install(release, key.public_key).error().reason, "bad_package");
  release.version = {1, 0, 0};
  release.image_digest = sha256("another image");
  EXPECT_EQ(install(release, key.public_key).error().reason, "bad_package");
  expect_nothing();
}

TEST_F(RuntimeInstalls, RefuseAnotherPlatformBeforeAnythingIsFetched) {
  RuntimeRelease release = published("lang", "1.0.0");
  release.platforms = {"windows/amd64", "linux/riscv64"};
  const auto refused = install(release);
  EXPECT_EQ(refused.error().reason, "wrong_platform");
  EXPECT_THAT(refused.error().message, HasSubstr("this one is for windows/amd64, linux/riscv64"));
  EXPECT_THAT(server_.seen(), IsEmpty());
}

TEST_F(RuntimeInstalls, RefuseArchivesOfAnEnemy) {
  const std::vector<Member> attacks[] = {
      {{"../../../../tmp/escaped", AE_IFREG, "x"}},
      {{"oci-layout", AE_IFLNK, "/etc/passwd"}, {"index.json", AE_IFLNK, "/etc/passwd"}},
      {{"oci-layout", AE_IFREG, R"({"imageLayoutVersion":"1.0.0"})"},
       {"index.json", AE_IFREG, R"({"schemaVersion":2,"manifests":[]})"}},
      {{"oci-layout", AE_IFREG, R"({"imageLayoutVersion":"1.0.0"})"},
       {"index.json", AE_IFREG,
        R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:)" +
            std::string(64, '0') + R"("}]})"},
       {"blobs/sha256/" + std::string(64, '0'), AE_IFREG, "{}"}},
      {{"setup.sh", AE_IFREG, "rm -rf /"}},
      {{"blobs", AE_IFLNK, "/"}, {"blobs/tmp/escaped", AE_IFREG, "x"}},
      {},
  };
  for (const std::vector<Member>& attack : attacks) {
    const auto refused = install(published_bytes(make_archive(attack)));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, "bad_package") << to_string(refused.error());
    expect_nothing();
  }
  EXPECT_EQ(install(published_bytes("no archive at all")).error().reason, "bad_package");
  // A kilobyte that would become a gigabyte.
  const std::string bomb = make_archive({{"oci-layout", AE_IFREG, std::string(64 << 20, '\0')}},
                                        archive_write_set_format_pax, archive_write_add_filter_gzip);
  const auto refused = install(published_bytes(bomb));
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("want at most"), HasSubstr("of files, got more")));
  EXPECT_FALSE(fs::exists("/tmp/escaped"));
  expect_nothing();
}

// It would be refused by the first build that lays it out.
TEST_F(RuntimeInstalls, RefuseLayersOfAnEnemy) {
  const std::vector<Member> attacks[] = {{{"../../evil", AE_IFREG, "x"}},
                                         {{"usr/bin/lang", AE_IFREG, "x"}, {"a/../../evil", AE_IFLNK, "/etc/passwd"}}};
  std::string version = "1.0.0";
  for (const std::vector<Member>& attack : attacks) {
    raw_layer_ = make_archive(attack);
    const auto refused = install(published("lang", version));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, "bad_package") << to_string(refused.error());
    EXPECT_THAT(refused.error().message, HasSubstr("layer runtime: "));
    expect_nothing();
    EXPECT_EQ(downloads(), 0U);
    version = "1.1.0";
  }
  raw_layer_ = "no archive at all";
  EXPECT_EQ(install(published("lang", "1.2.0")).error().reason, "bad_package");
  EXPECT_FALSE(fs::exists(dir_ / "evil"));
}

TEST_F(RuntimeInstalls, RefuseWhatNoRuntimeMayHold) {
  mode_ = 0755;
  const auto shell = install(published("bash", "1.0.0"), std::nullopt, "bash");
  EXPECT_EQ(shell.error().reason, "bad_package");
  EXPECT_THAT(shell.error().message, HasSubstr("found /usr/bin/bash is a shell"));
  mode_ = 04755;
  EXPECT_THAT(install(published("lang", "1.1.0")).error().message, HasSubstr("changes the user it runs as"));
  expect_nothing();
}

TEST_F(RuntimeInstalls, LeaveNothingOfWhatIsRefused) {
  RuntimeRelease release = published("lang", "1.0.0");
  release.size += 1;
  EXPECT_EQ(install(release).error().reason, "wrong_size");
  EXPECT_EQ(downloads(), 0U);
  EXPECT_EQ(install(published_bytes("no archive at all")).error().reason, "bad_package");
  EXPECT_EQ(downloads(), 0U);
  for (const int status : {404, 403, 401, 500, 503}) {
    server_.fail_with(status);
    EXPECT_FALSE(install(published("lang", "1.0.0")).ok());
    EXPECT_EQ(downloads(), 0U) << status;
  }
  expect_nothing();
}

TEST_F(RuntimeInstalls, TellWhatTheServerAnswered) {
  const RuntimeRelease release = published("lang", "1.0.0");
  server_.fail_with(500);
  const auto failed = install(release);
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(failed.error().message, AllOf(HasSubstr(server_.url() + "/lang-1.0.0.tar.gz"), HasSubstr("status 500")));
}

TEST_F(RuntimeInstalls, GoOnAfterACut) {
  const RuntimeRelease release = published("lang", "1.0.0", std::nullopt, std::string(300000, 'x'));
  ASSERT_GT(release.size, 1000);
  server_.cut({100, 0});
  const auto cut = install(release);
  ASSERT_FALSE(cut.ok()) << "a try that brings nothing ends it";
  EXPECT_EQ(cut.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(fs::file_size(dir_ / "downloads" / to_hex(release.checksum)), 100U);
  expect_nothing();
  ASSERT_OK(install(release));
  EXPECT_THAT(server_.seen(), ElementsAre("GET /lang-1.0.0.tar.gz 200", "GET /lang-1.0.0.tar.gz 206 bytes=100-",
                                          "GET /lang-1.0.0.tar.gz 206 bytes=100-"));
  EXPECT_THAT(said_, HasSubstr("going on with a download"));
}

TEST_F(RuntimeInstalls, GoOnByThemselvesWhileSomethingComes) {
  const RuntimeRelease release = published("lang", "1.0.0");
  server_.cut({100, 100, 50});
  ASSERT_OK(install(release));
  EXPECT_THAT(server_.seen(), SizeIs(4));
}

TEST_F(RuntimeInstalls, GoOnForAtMost32TriesInARowThatBringLittle) {
  const RuntimeRelease release = published_bytes(std::string(std::size_t{3} << 20, 'x'));
  const std::string url = server_.url() + "/evil.tar.gz";
  std::size_t pauses = 0;
  const auto done = std::make_shared<std::atomic<std::int64_t>>(0);
  server_.cut_when([done](std::size_t bytes) { return *done >= static_cast<std::int64_t>(bytes); });
  const auto download = [&](std::vector<std::size_t> cuts) {
    server_.cut(std::move(cuts));
    return download_package(
        url, release, dir_ / "part", {}, [&](const DownloadProgress& now) { *done = now.done; },
        [&](Duration) { ++pauses; });
  };
  EXPECT_FALSE(download(std::vector<std::size_t>(33, 10)).ok());
  EXPECT_THAT(server_.seen(), SizeIs(33));
  EXPECT_EQ(pauses, 32U);
  EXPECT_EQ(fs::file_size(dir_ / "part"), 330U);
  // One that brings a MiB begins the count anew.
  std::vector<std::size_t> cuts(65, 10);
  cuts[32] = std::size_t{1} << 20;
  EXPECT_OK(download(cuts));
  EXPECT_THAT(server_.seen(), SizeIs(33 + 65 + 1));
  EXPECT_EQ(kRegistryTimeout, std::chrono::seconds(30));
}

TEST_F(RuntimeInstalls, BeginAnewWhereAServerKnowsNoRanges) {
  const RuntimeRelease release = published("lang", "1.0.0");
  server_.ignore_ranges();
  server_.cut({100});
  ASSERT_OK(install(release));
  EXPECT_EQ(server_.seen().back(), "GET /lang-1.0.0.tar.gz 200");
}

TEST_F(RuntimeInstalls, LeaveADownloadThatAnotherHomeIsAt) {
  const RuntimeRelease release = published("lang", "1.0.0");
  ASSERT_OK(install(release));
  const fs::path partial = dir_ / "downloads" / to_hex(release.checksum);
  write_file(partial, "half of it");
  auto other = lock_file(dir_ / "downloads" / ".locks" / to_hex(release.checksum), LockMode::kExclusive);
  ASSERT_OK(other);
  ASSERT_OK(install(release));
  EXPECT_TRUE(fs::exists(partial));
  *other = Fd();
  ASSERT_OK(install(release));
  EXPECT_FALSE(fs::exists(partial)) << "left by one that was killed";
}

TEST_F(RuntimeInstalls, BeginAnewAfterAForeignBeginning) {
  const RuntimeRelease release = published("lang", "1.0.0");
  write_file(dir_ / "downloads" / to_hex(release.checksum), "something else");
  ASSERT_OK(install(release));
  EXPECT_THAT(said_, HasSubstr("fetching it anew"));
  EXPECT_THAT(installed(), ElementsAre("runtimes/lang@1.0.0"));
}

TEST_F(RuntimeInstalls, TellATruncatedPackage) {
  const RuntimeRelease release = published("lang", "1.0.0");
  server_.put("/lang-1.0.0.tar.gz", slurp(dir_ / "packages/lang-1.0.0.tar.gz").substr(0, 200));
  const auto refused = install(release);
  EXPECT_EQ(refused.error().reason, "wrong_size");
  EXPECT_THAT(refused.error().message, HasSubstr("found 200"));
  server_.put("/lang-1.0.0.tar.gz", slurp(dir_ / "packages/lang-1.0.0.tar.gz"));
  EXPECT_OK(install(release));
  RuntimeRelease gone = published("lang", "2.0.0");
  gone.download_url = "nowhere.tar.gz";
  EXPECT_EQ(install(gone).error().reason, "no_such_package");
}

TEST_F(RuntimeInstalls, OfTheSameAtOnceBringItOnce) {
  const RuntimeRelease release = published("lang", "1.0.0", std::nullopt, std::string(200000, 'y'));
  InstallPlaces where = places();
  where.say = {};
  registry_.configured.name = "test";
  registry_.file_url = server_.url() + "/registry.json";
  std::vector<std::thread> all;
  std::atomic<int> done = 0, there = 0;
  for (int i = 0; i < 6; ++i)
    all.emplace_back([&] {
      const auto installed = install_release(where, {&registry_, "lang", release});
      if (installed) ++(installed->was_there ? there : done);
    });
  for (std::thread& one : all) one.join();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(there, 5);
  EXPECT_THAT(server_.seen(), SizeIs(1));
}

TEST_F(RuntimeInstalls, AreRemovedOneVersionAtATime) {
  ASSERT_OK(install(published("lang", "1.0.0")));
  ASSERT_OK(install(published("lang", "1.1.0")));
  auto there = installed_runtimes(places().store);
  ASSERT_OK(remove_installed(places(), *find_installed(*there, {"runtimes", "lang", "1.0.0"})));
  EXPECT_THAT(installed(), ElementsAre("runtimes/lang@1.1.0"));
  EXPECT_FALSE(fs::exists(dir_ / "roots/lang/1.0.0"));
  EXPECT_TRUE(fs::exists(dir_ / "roots/lang/1.1.0/package/install.json"));
  there = installed_runtimes(places().store);
  ASSERT_OK(remove_installed(places(), there->front()));
  EXPECT_FALSE(fs::exists(dir_ / "roots/lang"));
}

TEST_F(RuntimeInstalls, AreVerifiedAgain) {
  ASSERT_OK(install(published("lang", "1.0.0")));
  const InstalledRuntime runtime = installed_runtimes(places().store)->front();
  EXPECT_THAT(installed_faults(places(), runtime), IsEmpty());
  const fs::path blob = places().store.blob_path(runtime.manifest.layers.front().digest);
  std::string bytes = slurp(blob);
  bytes[bytes.size() / 2] ^= 1;
  fs::permissions(blob, fs::perms::owner_write, fs::perm_options::add);
  write_file(blob, bytes);
  EXPECT_THAT(installed_faults(places(), runtime),
              ElementsAre(HasSubstr(to_hex(runtime.manifest.layers.front().digest))));
}

TEST_F(RuntimeInstalls, HealWhatADiskHasDamaged) {
  const RuntimeRelease release = published("lang", "1.0.0");
  ASSERT_OK(install(release));
  const InstalledRuntime runtime = installed_runtimes(places().store)->front();
  for (const Digest& digest : {runtime.manifest.layers.front().digest, runtime.manifest.config.digest}) {
    const fs::path blob = places().store.blob_path(digest);
    std::string bytes = slurp(blob);
    bytes[bytes.size() / 2] ^= 1;
    fs::permissions(blob, fs::perms::owner_write, fs::perm_options::add);
    write_file(blob, bytes);
  }
  EXPECT_THAT(installed_faults(places(), runtime), SizeIs(2));
  ASSERT_OK(remove_installed(places(), runtime));
  ASSERT_OK(install(release));
  EXPECT_THAT(installed_faults(places(), runtime), IsEmpty());
}

TEST_F(RuntimeInstalls, DoNotReplaceAnotherImageOfThatVersion) {
  made(places().store, "lang", "1.0.0", "built here");
  const auto refused = install(published("lang", "1.0.0"));
  EXPECT_EQ(refused.error().reason, "other_content");
  EXPECT_THAT(refused.error().message, HasSubstr("`unikctl runtime remove lang@1.0.0`"));
}

TEST_F(RuntimeInstalls, OfBeforeAKeyWasAskedForAreCheckedWithIt) {
  const SecretKey key = key_from(1), stranger = key_from(2);
  RuntimeRelease release = published("lang", "1.0.0", key);
  ASSERT_OK(install(release));
  const auto checked = install(release, key.public_key);
  ASSERT_OK(checked);
  EXPECT_FALSE(checked->was_there);
  EXPECT_EQ(find_install_record(dir_ / "roots", {"", "lang", "1.0.0"})->public_key, key_line(key.public_key));
  EXPECT_TRUE(install(release, key.public_key)->was_there);
  // Another key of the same id has signed nothing.
  PublicKey forged = stranger.public_key;
  forged.id = key.public_key.id;
  EXPECT_EQ(install(release, forged).error().reason, "wrong_signature");
  release.signature.clear();
  EXPECT_EQ(install(release, key.public_key).error().reason, "unsigned");
}

TEST_F(RuntimeInstalls, OfAnotherImageThanTheSignedOneAreNotReplaced) {
  made(places().store, "lang", "1.0.0", "built here");
  const SecretKey key = key_from(1);
  RuntimeRelease release = published("lang", "1.0.0", key);
  release.image_digest.reset();
  EXPECT_EQ(install(release, key.public_key).error().reason, "other_content");
  EXPECT_FALSE(find_install_record(dir_ / "roots", {"", "lang", "1.0.0"}).has_value());
}

// ---- Several registries ----

class Registries : public RuntimeInstalls {
 protected:
  std::string list_with(const std::vector<std::string>& versions) {
    std::string text;
    for (const std::string& version : versions) {
      RuntimeRelease release;
      release.version = *parse_runtime_version(version);
      release.download_url = "lang-" + version + ".tar.gz";
      release.size = 1;
      release.platforms = {"linux/amd64"};
      text = *add_release(text, "lang", release, "2026-01-01T00:00:00Z");
    }
    return text;
  }
  std::vector<FetchedRegistry> fetch(const std::vector<ConfiguredRegistry>& configured) {
    return fetch_registries(configured, dir_ / "cache", {}, [this](const std::string& text) { said_ += text + "\n"; });
  }
};

TEST_F(Registries, AreKeptByTheirEtagAndUsedOffline) {
  server_.put("/registry.json", list_with({"1.0.0"}));
  const ConfiguredRegistry one{"one", server_.url(), true, {}};
  EXPECT_EQ(fetch({one}).size(), 1U);
  EXPECT_THAT(fetch({one}).front().stale, IsEmpty());
  EXPECT_THAT(server_.seen(), ElementsAre("GET /registry.json 200", "GET /registry.json 304"));
  server_.put("/registry.json", list_with({"1.0.0", "1.1.0"}));
  EXPECT_EQ(fetch({one}).front().registry.runtimes.at("lang").size(), 2U);
  server_.go_away();
  EXPECT_THAT(said_, IsEmpty());
  const auto offline = fetch({one});
  ASSERT_THAT(offline, SizeIs(1));
  EXPECT_THAT(offline.front().stale, Not(IsEmpty()));
  EXPECT_EQ(offline.front().registry.runtimes.at("lang").size(), 2U);
  EXPECT_THAT(
      said_,
      HasSubstr("registry one gives no answer that can be used; going by its last one, of 2026-01-01T00:00:00Z"));
}

TEST_F(Registries, AreAskedInTheirOrderAndLeftOutWhenDown) {
  FileServer second, gone;
  server_.put("/registry.json", list_with({"1.0.0"}));
  second.put("/registry.json", list_with({"1.0.0", "3.0.0"}));
  const std::string gone_url = gone.url();
  gone.go_away();
  const std::vector<ConfiguredRegistry> all = {{"down", gone_url, true, {}},
                                               {"off", second.url(), false, {}},
                                               {"first", server_.url(), true, {}},
                                               {"second", second.url(), true, {}}};
  const auto fetched = fetch(all);
  ASSERT_THAT(fetched, SizeIs(2));
  EXPECT_THAT(said_, AllOf(HasSubstr("registry down: "), HasSubstr("going on without it")));
  // The first that has the name has the word, even where a later one knows a higher version.
  const auto newest = find_in_registries(fetched, {"", "lang", ""});
  EXPECT_EQ(newest->registry->configured.name, "first");
  EXPECT_EQ(to_string(newest->release.version), "1.0.0");
  const auto missing = find_in_registries(fetched, {"", "lang", "3.0.0"});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().reason, "no_such_version");
  EXPECT_THAT(missing.error().message, AllOf(HasSubstr("registry first: "), HasSubstr("there is 1.0.0")));
  EXPECT_EQ(find_in_registries({}, {"", "lang", ""}).error().reason, "no_such_runtime");
}

TEST_F(Registries, WithoutAKeyDoNotStandInForOnesWithAKey) {
  server_.put("/registry.json", list_with({"1.0.0"}));
  FileServer gone;
  const std::string gone_url = gone.url();
  gone.go_away();
  const ConfiguredRegistry keyed{"keyed", gone_url, true, key_from(1).public_key},
      open{"open", server_.url(), true, {}};
  EXPECT_THAT(fetch({keyed, open}), IsEmpty());
  EXPECT_THAT(said_, HasSubstr("registry open has no public_key and stands behind keyed"));
  EXPECT_THAT(fetch({open, keyed}), SizeIs(1));
}

TEST_F(Registries, AreKeptWhereALoginPageAnswers) {
  server_.put("/registry.json", list_with({"1.0.0"}));
  const ConfiguredRegistry one{"one", server_.url(), true, {}};
  ASSERT_THAT(fetch({one}), SizeIs(1));
  server_.put("/registry.json", "<html>");
  const auto kept = fetch({one});
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_THAT(kept.front().stale, Not(IsEmpty()));
  EXPECT_EQ(kept.front().registry.runtimes.at("lang").size(), 1U);
  EXPECT_THAT(said_, HasSubstr("want a registry of runtimes, found "));
  for (const int status : {401, 500, 503}) {
    server_.fail_with(status);
    said_.clear();
    EXPECT_THAT(fetch({one}), SizeIs(1));
    EXPECT_THAT(said_, AllOf(HasSubstr("going by its last one"), HasSubstr(server_.url() + "/registry.json"),
                             HasSubstr("status " + std::to_string(status))));
  }
}

TEST_F(Registries, OfADirectoryAndBadOnes) {
  write_file(dir_ / "shelf/registry.json", list_with({"1.0.0"}));
  EXPECT_EQ(fetch({{"shelf", (dir_ / "shelf").string(), true, {}}}).front().file_url,
            "file://" + (dir_ / "shelf/registry.json").string());
  server_.put("/registry.json", "<html>");
  EXPECT_THAT(fetch({{"html", server_.url(), true, {}}, {"none", server_.url() + "/nowhere", true, {}}}), IsEmpty());
  EXPECT_THAT(said_, AllOf(HasSubstr("registry html"), HasSubstr("want a registry of runtimes"),
                           HasSubstr("registry none: want a file at"), HasSubstr("status 404")));
}

}  // namespace
}  // namespace unik::runtimes
