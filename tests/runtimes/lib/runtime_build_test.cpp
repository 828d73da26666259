// From packages to the image of a runtime: what is chosen, what it is linked with, and what no runtime may hold.
#include "runtimes/lib/runtime/runtime_build.hpp"

#include <gmock/gmock.h>

#include "runtimes/lib/pack/runtime_image.hpp"
#include "runtimes/lib/runtime/baseline.hpp"
#include "runtimes/lib/runtime/deb_archive.hpp"
#include "runtimes/lib/runtime/runtime_lock.hpp"
#include "tests/runtimes/lib/runtime_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kRecipe = R"(
packages: {debian: [lang, libc6, libextra]}
keep: [usr/bin/lang3.1, usr/lib/lang]
drop: [usr/lib/lang/tests]
place: {usr/bin/tool: usr/share/tool}
join: {etc/bundle.crt: usr/share/certs/*.crt}
links: {usr/bin/lang: lang3.1}
libraries: [libopened.so.1]
environment: {LANG_HOME: /usr/lib/lang}
)";

class RuntimeBuild : public RuntimeTest {
 protected:
  codec::RuntimeLock archive() {
    const std::string lib = "usr/lib/x86_64-linux-gnu/";
    codec::RuntimeLock lock;
    lock.debian = {deb("lang", "3.1-1",
                       {{"usr/bin/lang3.1*", program({"libneeded.so.1", "libc.so.6"})},
                        {"usr/lib/lang/core.lang", "core"},
                        {"usr/lib/lang/tests/test.lang", "test"},
                        {"usr/share/tool*", "#!/usr/bin/lang"},
                        {"usr/share/doc/lang/README", "read me"},
                        {"usr/share/certs/b.crt", "B"},
                        {"usr/share/certs/a.crt", "A\n"}}),
                   deb("libc6", "2.36-9",
                       {{"lib/x86_64-linux-gnu/libc.so.6*", library()}, {"lib64/ld-linux-x86-64.so.2*", library()}}),
                   deb("libextra", "1.0-1",
                       {{lib + "libneeded.so.1", library()},
                        {lib + "libopened.so.1", library({"libdeeper.so.1"})},
                        {lib + "libdeeper.so.1", library()},
                        {lib + "libunused.so.1", library()}})};
    index_archive();
    return lock;
  }
};

TEST_F(RuntimeBuild, TakesWhatWasChosenAndWhatThatNeeds) {
  const auto source = runtime("lang", kRecipe, archive());
  const BlobStore blobs = store();
  const auto built = build_runtime(blobs, build_options(source));
  ASSERT_OK(built);
  const FileTree files = files_of(blobs, built->image);
  EXPECT_THAT(
      paths_of(files),
      ElementsAre("bin -> usr/bin", "etc/bundle.crt", "lib -> usr/lib", "lib64 -> usr/lib64", "usr/bin/lang -> lang3.1",
                  "usr/bin/lang3.1", "usr/bin/tool", "usr/lib/lang/core.lang", "usr/lib/x86_64-linux-gnu/libc.so.6",
                  "usr/lib/x86_64-linux-gnu/libdeeper.so.1", "usr/lib/x86_64-linux-gnu/libneeded.so.1",
                  "usr/lib/x86_64-linux-gnu/libopened.so.1", "usr/lib64/ld-linux-x86-64.so.2"));
  EXPECT_EQ(std::get<std::string>(files.at("etc/bundle.crt").content), "A\nB\n");
  const Annotations& annotations = built->image.manifest.annotations;
  EXPECT_EQ(annotations.at(std::string(kRuntimeAnnotation)), "lang@1.0.0");
  EXPECT_EQ(annotations.at(std::string(kProvidesAnnotation)), "lang=3.11");
  EXPECT_FALSE(annotations.contains(std::string(kReproducibleAnnotation)));
  EXPECT_THAT(packages_of(built->image.manifest), ElementsAre("lang@3.1-1", "libc6@2.36-9", "libextra@1.0-1"));
  EXPECT_THAT(built->image.config.env, ElementsAre("LANG_HOME=/usr/lib/lang"));
  EXPECT_EQ(built->image.reference.name, "runtimes/lang:1.0.0");
}

TEST_F(RuntimeBuild, SaysThePackagesThatItHoldsAndNoOthers) {
  const auto source = runtime("lang",
                              "packages: {debian: [lang, libc6, libextra]}\nkeep: [usr/share/tool]\n"
                              "join: {etc/bundle.crt: usr/lib/x86_64-linux-gnu/libunused.*}\n",
                              archive());
  const auto built = build_runtime(store(), build_options(source));
  ASSERT_OK(built);
  EXPECT_THAT(packages_of(built->image.manifest), ElementsAre("lang@3.1-1", "libextra@1.0-1"));
  const auto held = locked_image(built->image.manifest, source.lock);
  ASSERT_OK(held);
  EXPECT_EQ(held->base, to_string(find_layer(built->image.manifest, "base")->digest));
  EXPECT_THAT(held->packages, ElementsAre("lang@3.1-1", "libextra@1.0-1"));

  codec::RuntimeLock others = source.lock;
  others.debian[0].version = "3.2-1";
  EXPECT_THAT(locked_image(built->image.manifest, others).error().message, HasSubstr("found lang@3.1-1 in it"));
  Manifest baseless = built->image.manifest, older = baseless;
  std::erase_if(baseless.layers,
                [](const Descriptor& layer) { return annotation(layer.annotations, kLayerAnnotation) == "base"; });
  EXPECT_EQ(locked_image(baseless, source.lock).error().reason, "incomplete_lock");
  older.annotations.erase(std::string(kPackagesAnnotation));
  EXPECT_EQ(locked_image(older, source.lock).error().reason, "incomplete_lock");
}

TEST_F(RuntimeBuild, IsTheSameSourceAfterItsRelease) {
  RuntimeSource source =
      runtime("lang", "packages: {debian: [lang, libc6, libextra]}\nkeep: [usr/share/tool]\n", archive());
  const Digest before = digest_of(source);
  source.lock.image = codec::LockedImage{"sha256:" + std::string(64, 'a'), {"lang@3.1-1"}};
  EXPECT_EQ(digest_of(source), before);
  source.lock.debian[0].version = "3.2-1";
  EXPECT_NE(digest_of(source), before);
}

TEST_F(RuntimeBuild, GivesTheSameBytesTwice) {
  const auto source = runtime(
      "lang", "packages: {debian: [lang, libc6, libextra]}\nkeep: [usr/bin/lang3.1, usr/lib/lang]\n", archive());
  const auto first = build_runtime(store("one"), build_options(source));
  ASSERT_OK(first);
  places_.cache = dir_ / "another cache";
  const auto second = build_runtime(store("two"), build_options(source));
  ASSERT_OK(second);
  EXPECT_EQ(first->image.reference, second->image.reference);
}

TEST_F(RuntimeBuild, SaysOfItselfThatAPinHadVanished) {
  codec::RuntimeLock lock = archive();
  const auto source = runtime("lang", "packages: {debian: [lang, libc6, libextra]}\nkeep: [usr/bin/lang3.1]\n", lock);
  withdraw(lock.debian[0]);
  deb("lang", "3.1-2", {{"usr/bin/lang3.1*", program({"libc.so.6"})}});
  index_archive();
  const BlobStore blobs = store();
  EXPECT_EQ(build_runtime(blobs, build_options(source, BuildMode::kRelease)).error().reason, "pin_vanished");
  const auto built = build_runtime(blobs, build_options(source, BuildMode::kDebug));
  ASSERT_OK(built);
  EXPECT_THAT(built->substituted, ElementsAre(HasSubstr("lang=3.1-1 has vanished")));
  EXPECT_EQ(built->image.manifest.annotations.at(std::string(kReproducibleAnnotation)), "false");
}

TEST_F(RuntimeBuild, RefusesAShellAndAPackageManagerAndNamesThemAll) {
  codec::RuntimeLock lock;
  lock.debian = {deb("lang", "1", {{"usr/bin/dash*", "x"}, {"usr/bin/apt-get*", "x"}, {"usr/bin/fine*", "x"}})};
  index_archive();
  const auto source = runtime("lang", "packages: {debian: [lang]}\nkeep: [usr/bin]\nlinks: {usr/bin/sh: dash}\n", lock);
  const auto built = build_runtime(store(), build_options(source));
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().reason, "outside_baseline");
  for (const char* part :
       {"/usr/bin/dash is a shell", "/usr/bin/sh is a shell", "/usr/bin/apt-get belongs to a package"})
    EXPECT_THAT(built.error().message, HasSubstr(part));
  EXPECT_THAT(built.error().message, testing::Not(HasSubstr("fine")));
}

TEST_F(RuntimeBuild, NamesEveryEntryThatMatchesNothing) {
  const auto source =
      runtime("lang",
              "packages: {debian: [lang, libc6, libextra]}\n"
              "keep: [usr/bin/lang3.1, usr/bin/gone]\ndrop: [usr/lib/none-*]\njoin: {etc/x: usr/no/*.crt}\n",
              archive());
  const auto built = build_runtime(store(), build_options(source));
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().reason, "nothing_kept");
  for (const char* part : {"keep `usr/bin/gone`", "drop `usr/lib/none-*`", "join `usr/no/*.crt`"})
    EXPECT_THAT(built.error().message, HasSubstr(part));
}

TEST_F(RuntimeBuild, FindsLibrariesInItsPackagesAlone) {
  codec::RuntimeLock lock;
  // This host has a libcrypto; the stage has none.
  lock.debian = {
      deb("lang", "1",
          {{"usr/bin/lang3.1*", program({"libcrypto.so.3"})}, {"usr/lib64/ld-linux-x86-64.so.2*", library()}})};
  index_archive();
  const auto source = runtime("lang", "packages: {debian: [lang]}\nkeep: [usr/bin/lang3.1]\n", lock);
  const auto built = build_runtime(store(), build_options(source));
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().reason, "missing_library");
  EXPECT_THAT(built.error().message, HasSubstr("libcrypto.so.3"));
}

TEST_F(RuntimeBuild, FindsALibraryThatAnotherHasLoadedByItsName) {
  codec::RuntimeLock lock;
  lock.debian = {
      deb("lang", "1", {{"usr/lib/vm/server/libvm.so", library()}, {"usr/lib/vm/libcore.so", library({"libvm.so"})}})};
  index_archive();
  const auto source = runtime("lang", "packages: {debian: [lang]}\nkeep: [usr/lib/vm]\n", lock);
  ASSERT_OK(build_runtime(store(), build_options(source)));
}

TEST_F(RuntimeBuild, RunsCommandsOfTheStageAloneInADeclaredEnvironment) {
  codec::RuntimeLock lock;
  const std::string busybox = slurp("/bin/busybox");
  ASSERT_FALSE(busybox.empty()) << "want Debian's busybox-static";
  lock.debian = {deb("lang", "1", {{"tool/busybox*", busybox}, {"usr/share/data", "data"}})};
  index_archive();
  ::setenv("UNIK_TEST_SECRET", "leaks", 1);
  const auto source = runtime("lang",
                              "packages: {debian: [lang]}\nkeep: [usr/share]\n"
                              "commands: [[tool/busybox, sh, -c, tool/busybox env > usr/share/environment]]\n",
                              lock);
  const BlobStore blobs = store();
  const auto built = build_runtime(blobs, build_options(source));
  ASSERT_OK(built);
  const FileTree files = files_of(blobs, built->image);
  const std::string environment = std::get<std::string>(files.at("usr/share/environment").content);
  EXPECT_THAT(environment, HasSubstr("SOURCE_DATE_EPOCH=1704067200\n"));
  EXPECT_THAT(environment, testing::Not(HasSubstr("leaks")));
  ::unsetenv("UNIK_TEST_SECRET");

  const auto outside =
      runtime("lang", "packages: {debian: [lang]}\nkeep: [usr/share]\ncommands: [[usr/bin/env]]\n", lock);
  const auto refused = build_runtime(blobs, build_options(outside));
  EXPECT_EQ(refused.error().reason, "build_failed");
  EXPECT_THAT(refused.error().message, HasSubstr("want a program of the stage"));
  const auto failing = runtime(
      "lang", "packages: {debian: [lang]}\nkeep: [usr/share]\ncommands: [[tool/busybox, ls, /missing-place]]\n", lock);
  const auto failed = build_runtime(blobs, build_options(failing));
  EXPECT_EQ(failed.error().reason, "build_failed");
  EXPECT_THAT(failed.error().message, HasSubstr("missing-place"));
}

TEST_F(RuntimeBuild, ReadsNoPackageThatIsCutOffOrLeavesTheStage) {
  const auto pin = deb("lang", "1", {{"usr/bin/lang*", "x"}});
  const fs::path whole = dir_ / "archive" / pin.path;
  const auto sink = spool_sink(dir_);
  ASSERT_OK(read_deb(whole, *sink));
  const std::string bytes = slurp(whole);
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{100}, bytes.size() / 2}) {
    write_file(dir_ / "cut.deb", bytes.substr(0, size));
    EXPECT_FALSE(read_deb(dir_ / "cut.deb", *sink).ok()) << size;
  }
  shell("cd " + dir_.string() +
        " && mkdir evil && cd evil && echo x > x && tar --transform 's,x,../../x,' -P -cf data.tar x && "
        "echo 2.0 > debian-binary && ar rc ../evil.deb debian-binary data.tar");
  const auto evil = read_deb(dir_ / "evil.deb", *sink);
  ASSERT_FALSE(evil.ok());
  EXPECT_EQ(evil.error().reason, "unsafe_layer");
}

TEST(Baseline, KnowsShellsByNameAndNotByDirectory) {
  FileTree tree;
  FileNode program;
  program.mode = 0755;
  FileNode data;
  ASSERT_OK(put_node(tree, "usr/share/locale/sh/x", data));
  ASSERT_OK(put_node(tree, "usr/lib/python3/apt/x.py", data));
  ASSERT_OK(put_node(tree, "usr/lib/python3/sh", data));
  EXPECT_THAT(baseline_faults(tree), IsEmpty());
  ASSERT_OK(put_node(tree, "opt/busybox", program));
  program.mode = 04755;
  ASSERT_OK(put_node(tree, "usr/bin/su", program));
  EXPECT_THAT(baseline_faults(tree), ElementsAre("/opt/busybox is a shell", "/usr/bin/su changes the user it runs as"));
}

}  // namespace
}  // namespace unik::runtimes
