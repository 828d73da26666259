// Container images of others: brought in from layouts and archives, and made bootable.
#include "runtimes/lib/pack/container_pack.hpp"

#include <sys/resource.h>

#include "runtimes/lib/boot/boot_root.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/oci/image_import.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class ContainerTest : public LibTest {
 protected:
  // A container image of the given tars, as a builder of containers would write it.
  Digest put_container(const BlobStore& blobs, const std::vector<std::string>& tars, const ImageConfig& like = {}) {
    ImageConfig config = like;
    Manifest manifest;
    for (const std::string& tar : tars) {
      const auto layer = blobs.put(tar);
      config.diff_ids.push_back(layer->digest);
      manifest.layers.push_back({std::string(kLayerTarMediaType), layer->digest, layer->size, {}});
    }
    const auto config_blob = blobs.put(print_image_config(config));
    manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
    return blobs.put(print_manifest(manifest))->digest;
  }

  static std::string first_layer() {
    return make_archive({{"etc", AE_IFDIR, "", "", 0755},
                         {"etc/passwd", AE_IFREG, "root:x:0:0::/:/bin/sh\nweb:x:101:102::/:/bin/false\n"},
                         {"etc/group", AE_IFREG, "root:x:0:\nlog:x:4:web\n"},
                         {"bin", AE_IFDIR, "", "", 0755},
                         {"bin/web", AE_IFREG, "a program", "", 0755},
                         {"old/a", AE_IFREG, "1"},
                         {"old/b", AE_IFREG, "2"},
                         {"gone", AE_IFREG, "3"}});
  }
  static std::string second_layer() {
    return make_archive({{"old/.wh..wh..opq", AE_IFREG}, {"old/c", AE_IFREG, "4"}, {".wh.gone", AE_IFREG}});
  }

  FileTree tree_of(const BlobStore& blobs, const Manifest& manifest) {
    FileTree tree;
    const auto sink = spool_sink(dir_);
    for (const Descriptor& layer : manifest.layers) {
      const auto name = layer.annotations.find(std::string(kLayerAnnotation));
      if (name != layer.annotations.end() && name->second == "kernel") continue;
      EXPECT_OK(apply_layer(tree, blobs, layer, *sink));
    }
    return tree;
  }
};

TEST_F(ContainerTest, ItsRootIsItsOwnWithPidOneAndAKernel) {
  const BlobStore blobs = store();
  ImageConfig config;
  config.entrypoint = {"/bin/web"};
  config.cmd = {"--port", "80"};
  config.env = {"A=1", "PATH=/bin"};
  config.working_dir = "/old";
  config.user = "web";
  config.exposed_ports = {"80/tcp"};
  const Digest container = put_container(blobs, {first_layer(), second_layer()}, config);
  const auto packed = pack_container(blobs, {container, "team/web", base()});
  ASSERT_OK(packed);
  EXPECT_EQ(packed->config.entrypoint, config.entrypoint);
  EXPECT_EQ(packed->config.cmd, config.cmd);
  EXPECT_EQ(packed->config.env, config.env);
  EXPECT_EQ(packed->config.working_dir, "/old");
  EXPECT_EQ(packed->config.user, "101:102");
  EXPECT_EQ(runs_as(packed->manifest), RunsAs::kContainer);
  EXPECT_EQ(packed->manifest.annotations.at(std::string(kContainerAnnotation)), to_string(container));
  EXPECT_EQ(packed->config.diff_ids.size(), packed->manifest.layers.size());

  const FileTree root = tree_of(blobs, packed->manifest);
  EXPECT_TRUE(root.contains("init"));
  EXPECT_TRUE(root.contains("proc"));
  EXPECT_TRUE(root.contains("bin/web"));
  EXPECT_TRUE(root.contains("old/c"));
  EXPECT_FALSE(root.contains("old/a")) << "an opaque directory shows nothing of the layers below";
  EXPECT_FALSE(root.contains("gone"));
  EXPECT_EQ(root.at("etc/passwd").size, 50) << "the container's own accounts, not the base's";

  // It boots like any other image, its layers are those of the container, and the same twice.
  const auto boot = prepare_boot(blobs, packed->reference.digest, dir_ / "cache");
  ASSERT_OK(boot);
  EXPECT_FALSE(boot->root.empty());
  EXPECT_FALSE(boot->kernel_up.empty());
  const auto again = pack_container(blobs, {container, "team/web", base()});
  ASSERT_OK(again);
  EXPECT_EQ(again->reference, packed->reference);
  const auto theirs = blobs.manifest(container);
  ASSERT_OK(theirs);
  for (const Descriptor& layer : theirs->layers) EXPECT_TRUE(blobs.has(layer.digest));
}

TEST_F(ContainerTest, UsersAreLookedUpInTheImage) {
  const BlobStore blobs = store();
  const std::pair<const char*, const char*> cases[] = {{"", "0:0"},          {"root", "0:0"}, {"web", "101:102"},
                                                       {"101", "101:102"},   {"7", "7:0"},    {"7:8", "7:8"},
                                                       {"web:log", "101:4"}, {"7:log", "7:4"}};
  for (const auto& [user, numeric] : cases) {
    ImageConfig config;
    config.entrypoint = {"/bin/web"};
    config.user = user;
    const auto packed = pack_container(blobs, {put_container(blobs, {first_layer()}, config), "web", base()});
    ASSERT_OK(packed);
    EXPECT_EQ(packed->config.user, numeric) << user;
  }
  for (const char* user : {"nobody", "web:none", "-1", "4294967296"}) {
    ImageConfig config;
    config.user = user;
    const auto packed = pack_container(blobs, {put_container(blobs, {first_layer()}, config), "web", base()});
    ASSERT_FALSE(packed.ok()) << user;
    EXPECT_EQ(packed.error().reason, "bad_user");
    EXPECT_NE(packed.error().message.find(" or a number, found no `"), std::string::npos) << packed.error().message;
  }
}

TEST_F(ContainerTest, UsersAreLookedUpBehindLinksAndInTheTopmostLayer) {
  const BlobStore blobs = store();
  ImageConfig config;
  config.entrypoint = {"/bin/web"};
  config.user = "web:log";
  const std::string linked = make_archive({{"usr/share/users", AE_IFREG, "web:x:7:8::/:/bin/false\n"},
                                           {"usr/share/groups", AE_IFREG, "log:x:9:\n"},
                                           {"etc/passwd", AE_IFLNK, "../usr/share/users"},
                                           {"etc/group", AE_IFREG, "", "usr/share/groups"}});
  const auto packed = pack_container(blobs, {put_container(blobs, {first_layer(), linked}, config), "web", base()});
  ASSERT_OK(packed);
  EXPECT_EQ(packed->config.user, "7:9");
}

// An archive of a few bytes that unpacks to many is read with no more memory than one of its pieces takes.
TEST_F(ContainerTest, NothingOfABombIsKeptInMemory) {
  constexpr int kFiles = 100;
  const BlobStore blobs = store();
  std::vector<Member> bomb;
  for (int i = 0; i < kFiles; ++i) bomb.push_back({"f" + std::to_string(i), AE_IFREG, std::string(1 << 20, '\0')});
  const Digest container =
      put_container(blobs, {make_archive(bomb, archive_write_set_format_pax, archive_write_add_filter_gzip)});
  bomb = {};
  const auto peak_kib = [] {
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  // Held meanwhile, so that what making the bomb took does not hide what reading it takes.
  const std::vector<char> as_much(std::size_t{kFiles} << 20, 'x');
  ASSERT_EQ(as_much.back(), 'x');
  const auto before = peak_kib();
  ASSERT_OK(pack_container(blobs, {container, "web", base()}));
  EXPECT_LT(peak_kib() - before, 40 << 10);
}

TEST_F(ContainerTest, WhatCannotRunHereIsRefusedBeforeItIsOnANode) {
  const BlobStore blobs = store();
  ImageConfig other;
  other.architecture = "arm64";
  EXPECT_EQ(pack_container(blobs, {put_container(blobs, {first_layer()}, other), "web", base()}).error().reason,
            "wrong_platform");
  ImageConfig short_of_layers;
  short_of_layers.diff_ids = {sha256("one too many")};
  EXPECT_EQ(
      pack_container(blobs, {put_container(blobs, {first_layer()}, short_of_layers), "web", base()}).error().reason,
      "bad_manifest");
  const std::string hostile = make_archive({{"../../etc/cron.d/evil", AE_IFREG, "* * * * *"}});
  EXPECT_EQ(pack_container(blobs, {put_container(blobs, {hostile}), "web", base()}).error().reason, "unsafe_layer");
  EXPECT_TRUE(blobs.images()->empty());
}

TEST_F(ContainerTest, AContainersKernelLayerIsNoKernelOfOurs) {
  const BlobStore blobs = store();
  Manifest manifest = *blobs.manifest(put_container(blobs, {first_layer()}));
  manifest.layers.front().annotations[std::string(kLayerAnnotation)] = "kernel";
  const auto blob = blobs.put(print_manifest(manifest));
  const auto packed = pack_container(blobs, {blob->digest, "web", base()});
  ASSERT_OK(packed);
  EXPECT_TRUE(tree_of(blobs, packed->manifest).contains("bin/web"));
}

// ---- Bringing in ----

TEST(ImportPlaceTest, IsToldByItsPrefix) {
  EXPECT_EQ(*parse_import_place("oci:some/dir:web:1.0"), (ImportPlace{ImportKind::kOciLayout, "some/dir", "web:1.0"}));
  EXPECT_EQ(*parse_import_place("oci-archive:a.tar"), (ImportPlace{ImportKind::kOciArchive, "a.tar", ""}));
  EXPECT_EQ(*parse_import_place("docker-archive:a.tar:r.example/web:1"),
            (ImportPlace{ImportKind::kDockerArchive, "a.tar", "r.example/web:1"}));
  EXPECT_FALSE(parse_import_place("web:1.0"));
  EXPECT_FALSE(parse_import_place("docker://r.example/web"));
}

TEST_F(ContainerTest, APlaceWhereNothingIsIsNotFound) {
  const BlobStore blobs = store();
  for (const char* const prefix : {"oci:", "oci-archive:", "docker-archive:"}) {
    const auto image = import_image(blobs, *parse_import_place(prefix + (dir_ / "nosuch").string()), "web", {});
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.error().code, ErrorCode::kNotFound) << prefix << ": " << to_string(image.error());
  }
}

TEST_F(ContainerTest, LayoutsAndArchivesOfOthersComeInWithTheirDigest) {
  ASSERT_TRUE(have("skopeo") && have("umoci")) << "apt-get install skopeo umoci";
  const std::string d = dir_.string();
  int code = 1;
  const std::string made = shell("cd " + d + " && umoci init --layout L && umoci new --image L:web && " +
                                     "umoci unpack --rootless --image L:web bundle && mkdir bundle/rootfs/bin && " +
                                     "echo a program > bundle/rootfs/bin/web && umoci repack --image L:web bundle && " +
                                     "umoci config --image L:web --config.entrypoint /bin/web --config.env A=1 && " +
                                     "skopeo copy oci:L:web oci-archive:a.tar:web && " +
                                     "skopeo copy oci:L:web docker-archive:d.tar:r.example/web:1",
                                 &code);
  ASSERT_EQ(code, 0) << made;
  const auto index = parse_index(slurp(dir_ / "L" / "index.json"));
  ASSERT_OK(index);
  const Digest digest = index->front().manifest.digest;
  for (const std::string& text : {"oci:" + d + "/L:web", "oci:" + d + "/L", "oci-archive:" + d + "/a.tar:web"}) {
    const BlobStore blobs = store("store-" + std::to_string(text.size()));
    const auto image = import_image(blobs, *parse_import_place(text), "web", {});
    ASSERT_OK(image);
    EXPECT_EQ(image->manifest.digest, digest) << text;
    EXPECT_TRUE(blobs.missing(digest)->empty());
  }
  const BlobStore blobs = store("docker");
  const auto image = import_image(blobs, *parse_import_place("docker-archive:" + d + "/d.tar"), "web", {});
  ASSERT_OK(image);
  const auto packed = pack_container(blobs, {image->manifest.digest, "web", base()});
  ASSERT_OK(packed);
  EXPECT_EQ(packed->config.entrypoint, std::vector<std::string>{"/bin/web"});
  EXPECT_TRUE(tree_of(blobs, packed->manifest).contains("bin/web"));
}

TEST_F(ContainerTest, ALayoutThatLiesIsRefusedWhole) {
  const BlobStore theirs = store("theirs"), ours = store("ours");
  const Digest container = put_container(theirs, {first_layer()});
  const auto size = theirs.size_of(container);
  ASSERT_OK(theirs.set_image({"web", {std::string(kManifestMediaType), container, *size, {}}}));
  const ImportPlace place{ImportKind::kOciLayout, theirs.dir(), "web"};
  const Digest layer = theirs.manifest(container)->layers.front().digest;
  std::ofstream(theirs.blob_path(layer), std::ios::binary) << "something else";
  EXPECT_EQ(import_image(ours, place, "web", {}).error().reason, "digest_mismatch");
  fs::remove(theirs.blob_path(layer));
  EXPECT_EQ(import_image(ours, place, "web", {}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(ours.images()->empty());
  EXPECT_FALSE(ours.has(container));
  EXPECT_TRUE(fs::is_empty(ours.dir() / "tmp"));
  const auto none = import_image(ours, {ImportKind::kOciLayout, theirs.dir(), "api"}, "api", {});
  EXPECT_EQ(none.error().reason, "no_such_image");
  EXPECT_NE(none.error().message.find("found web"), std::string::npos) << none.error().message;
  EXPECT_EQ(import_image(ours, {ImportKind::kOciLayout, dir_, ""}, "x", {}).error().reason, "not_an_image");
}

}  // namespace
}  // namespace unik::runtimes
