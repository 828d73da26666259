// Other layers below an app: the result is what a build on the new base gives, and nothing that would not run.
#include "runtimes/lib/pack/rebase.hpp"

#include <gmock/gmock.h>

#include "runtimes/lib/elf/elf_info.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/container_pack.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::ElementsAre;

class RebaseTest : public LibTest {
 protected:
  // Another base than `base()`, by one byte of its kernel.
  BaseRuntime newer_base() {
    base("newer");
    write_file(dir_ / "newer" / "boot" / "vmlinux-up", std::string(200000, 'v'));
    return *find_base_runtime({dir_ / "newer", {}, {}});
  }

  PackedImage static_app(const BlobStore& blobs, const BaseRuntime& base) {
    write_file(dir_ / "web", make_elf({}), true);
    BinaryPackOptions options;
    options.binary = dir_ / "web";
    options.base = base;
    const auto image = pack_binary(blobs, options);
    EXPECT_OK(image);
    return *image;
  }

  void compile(const std::string& arguments) {
    int code = 1;
    const std::string said = shell("cd " + dir_.string() + " && gcc -nostdlib " + arguments, &code);
    ASSERT_EQ(code, 0) << said;
  }

  // The files of a runtime `lang` over a C library that defines versions up to GLIBC_`glibc`.
  fs::path runtime_root(const std::string& name, const std::string& glibc) {
    const fs::path root = dir_ / name, lib = root / "lib/x86_64-linux-gnu";
    fs::create_directories(lib);
    write_file(dir_ / "libc.c", "void old(void) {}\nvoid fresh(void) {}\n");
    write_file(dir_ / "libc.map",
               "GLIBC_2.2.5 { global: old; };\nGLIBC_" + glibc + " { global: fresh; } GLIBC_2.2.5;\n");
    compile("-shared -Wl,-soname,libc.so.6,--version-script=libc.map -o " + (lib / "libc.so.6").string() + " libc.c");
    ElfDraft loader;
    loader.type = 3;
    write_file(root / "lib64/ld-linux-x86-64.so.2", make_elf(loader), true);
    write_file(dir_ / "lang.c", "void fresh(void);\nvoid _start(void) { fresh(); }\n");
    fs::create_directories(root / "usr/bin");
    compile("-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2 -o " + (root / "usr/bin/lang").string() + " lang.c " +
            (lib / "libc.so.6").string());
    return root;
  }

  struct Runtime {
    PackedImage image;
    RuntimeImage use;
  };
  Runtime runtime(const BlobStore& blobs, const std::string& version, const fs::path& root, const BaseRuntime& base,
                  const std::string& language = "3.11", const std::string& name = "lang") {
    FileTree tree;
    EXPECT_OK(add_host_directory(tree, "", root));
    PackConfig config;
    config.env = {{"LANG_HOME", "/usr/lib/lang-" + version}, {"LANG_MODE", "safe"}};
    const auto image = assemble_image(blobs, "runtimes/" + name + ":" + version,
                                      {{"kernel", *kernel_tree(base)}, {"base", *base_tree(base)}, {"runtime", tree}},
                                      image_config(config, {}, false),
                                      {{std::string(kRuntimeAnnotation), name + "@" + version},
                                       {std::string(kProvidesAnnotation), "lang=" + language}});
    EXPECT_OK(image);
    RuntimeImage use{
        name, version, image->reference, *put_layer(blobs, tree, "runtime"), root, {{"lang", language}}, config.env};
    return {*image, use};
  }

  PackedImage app_on(const BlobStore& blobs, const Runtime& runtime, const BaseRuntime& base) {
    write_file(dir_ / "app" / "main.lang", "serve()\n");
    compile("-shared -o app/native.so lang.c " + (runtime.use.root / "lib/x86_64-linux-gnu/libc.so.6").string());
    DirectoryPackOptions options;
    options.directory = dir_ / "app";
    options.name = "web";
    options.base = base;
    options.runtime = runtime.use;
    options.config.args = {"lang", "/app/main.lang"};
    options.config.env = runtime.use.environment;
    options.config.env["LANG_MODE"] = "fast";
    const auto image = pack_directory(blobs, options);
    EXPECT_OK(image);
    return *image;
  }

  static NamedImage named(const PackedImage& image) {
    return {image.reference.name, {std::string(kManifestMediaType), image.reference.digest, 0, {}}};
  }
  static ImageBase base_of(const BlobStore& blobs, const PackedImage& image) {
    const auto base = base_of_image(blobs, named(image));
    EXPECT_OK(base);
    return *base;
  }
};

TEST_F(RebaseTest, GivesTheImageThatABuildOnTheNewBaseGives) {
  const BlobStore blobs = store();
  const PackedImage old = static_app(blobs, base());
  const auto to = base_of_host(blobs, newer_base());
  ASSERT_OK(to);
  const auto rebased = rebase_image(blobs, named(old), *to, {});
  ASSERT_OK(rebased);
  EXPECT_TRUE(rebased->changed);
  EXPECT_EQ(blobs.find_image("web")->manifest.digest, rebased->manifest.digest);
  EXPECT_TRUE(blobs.missing(rebased->manifest.digest)->empty());
  EXPECT_EQ(blobs.manifest(rebased->manifest.digest)->layers.back(), old.manifest.layers.back());
  EXPECT_EQ(static_app(store("other"), newer_base()).reference.digest, rebased->manifest.digest);
  // Again it is there already, and back again is the old one.
  const auto again = rebase_image(blobs, *blobs.find_image("web"), *to, {});
  ASSERT_OK(again);
  EXPECT_FALSE(again->changed);
  const auto back = rebase_image(blobs, *blobs.find_image("web"), base_of(blobs, old), {});
  ASSERT_OK(back);
  EXPECT_EQ(back->manifest.digest, old.reference.digest);
}

TEST_F(RebaseTest, ANameThatMovedMeanwhileStaysWhereItIs) {
  const BlobStore blobs = store();
  const PackedImage old = static_app(blobs, base());
  const auto to = base_of_host(blobs, newer_base());
  ASSERT_OK(to);
  NamedImage built = named(old);  // by somebody, after the image to be rebased was looked at
  built.manifest.digest = blobs.put("another build")->digest;
  ASSERT_OK(blobs.set_image(built));
  const auto rebased = rebase_image(blobs, named(old), *to, {});
  ASSERT_FALSE(rebased.ok());
  EXPECT_EQ(rebased.error().reason, "image_moved");
  EXPECT_EQ(blobs.find_image("web")->manifest.digest, built.manifest.digest);
}

TEST_F(RebaseTest, SwapsARuntimeAndItsEnvironmentAndKeepsTheApps) {
  const BlobStore blobs = store();
  const fs::path root = runtime_root("one", "2.36");
  const Runtime first = runtime(blobs, "1.0.0", root, base());
  write_file(root / "usr/lib/lang/mend.lang", "mended\n");
  const Runtime second = runtime(blobs, "1.0.1", root, newer_base());
  const PackedImage old = app_on(blobs, first, base());
  EXPECT_EQ(old.manifest.annotations.at(std::string(kGlibcAnnotation)), "2.36");
  const auto rebased = rebase_image(blobs, named(old), base_of(blobs, second.image), first.use.environment);
  ASSERT_OK(rebased);
  const auto manifest = blobs.manifest(rebased->manifest.digest);
  EXPECT_EQ(manifest->annotations.at(std::string(kRuntimeAnnotation)), "lang@1.0.1");
  EXPECT_THAT(blobs.config(*manifest)->env, ElementsAre("LANG_HOME=/usr/lib/lang-1.0.1", "LANG_MODE=fast"));
  EXPECT_EQ(app_on(store("other"), runtime(store("other"), "1.0.1", root, newer_base()), newer_base()).reference.digest,
            rebased->manifest.digest);
  // A base without a runtime goes below the runtime that is there.
  ASSERT_OK(blobs.set_image(named(old)));
  const auto kept = rebase_image(blobs, named(old), *base_of_host(blobs, newer_base()), {});
  ASSERT_OK(kept);
  EXPECT_EQ(blobs.manifest(kept->manifest.digest)->layers[2], old.manifest.layers[2]);
}

TEST_F(RebaseTest, RefusesAnOlderCLibrary) {
  const BlobStore blobs = store();
  const Runtime now = runtime(blobs, "1.0.0", runtime_root("now", "2.36"), base());
  const Runtime older = runtime(blobs, "1.0.1", runtime_root("older", "2.31"), base());
  const PackedImage app = app_on(blobs, now, base());
  const auto refused = rebase_image(blobs, named(app), base_of(blobs, older.image), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "glibc_too_old");
  EXPECT_EQ(refused.error().message,
            "image web: want a base with glibc 2.36 or newer, found 2.31 in runtimes/lang:1.0.1; build the app again "
            "on that base, or take a newer one");
  EXPECT_EQ(blobs.find_image("web")->manifest.digest, app.reference.digest);
}

TEST_F(RebaseTest, AProgramWithItsOwnCLibraryNeedsNone) {
  const BlobStore blobs = store();
  BinaryPackOptions options;
  options.binary = "/bin/env";
  options.base = base();
  const auto image = pack_binary(blobs, options);
  ASSERT_OK(image);
  ASSERT_TRUE(image->manifest.annotations.contains(std::string(kGlibcAnnotation)));
  EXPECT_OK(rebase_image(blobs, named(*image), *base_of_host(blobs, newer_base()), {}));
}

TEST_F(RebaseTest, RefusesAnotherLanguageAndWhatHasNoBase) {
  const BlobStore blobs = store();
  const fs::path root = runtime_root("root", "2.36");
  const Runtime first = runtime(blobs, "1.0.0", root, base());
  const PackedImage app = app_on(blobs, first, base());
  const auto later =
      rebase_image(blobs, named(app), base_of(blobs, runtime(blobs, "2.0.0", root, base(), "3.12").image), {});
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().reason, "other_runtime");
  EXPECT_EQ(later.error().message,
            "image web: want lang 3.11, found 3.12 in runtimes/lang:2.0.0; build the app again to move it there");
  const auto other =
      rebase_image(blobs, named(app), base_of(blobs, runtime(blobs, "1.0.0", root, base(), "3.11", "slang").image), {});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().reason, "other_runtime");

  ImageConfig config;
  config.diff_ids = {sha256("x")};
  Manifest manifest;
  manifest.layers = {{std::string(kLayerTarMediaType), blobs.put("x")->digest, 1, {}}};
  const auto config_blob = blobs.put(print_image_config(config));
  manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
  const auto blob = blobs.put(print_manifest(manifest));
  const NamedImage container{"c", {std::string(kManifestMediaType), blob->digest, blob->size, {}}};
  const auto refused = rebase_image(blobs, container, *base_of_host(blobs, base()), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "no_base");
}

TEST_F(RebaseTest, TheNewestVersionOfACLibraryIsReadFromIt) {
  const fs::path root = runtime_root("root", "2.31");
  const auto elf = read_elf(root / "lib/x86_64-linux-gnu/libc.so.6");
  ASSERT_OK(elf);
  ASSERT_TRUE(elf->defined_glibc.has_value());
  EXPECT_EQ(to_string(*elf->defined_glibc), "2.31");
  EXPECT_FALSE(read_elf(root / "usr/bin/lang")->defined_glibc.has_value());
}

}  // namespace
}  // namespace unik::runtimes
