#include "runtimes/lib/pack/source_bundle.hpp"

#include <sys/stat.h>

#include "runtimes/lib/oci/durable_file.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class SourceBundle : public LibTest {
 protected:
  fs::path write_project(const std::string& name) {
    const fs::path source = dir_ / name;
    write_file(source / "unik.yaml", "version: 1\n");
    write_file(source / "unik.lock", "{}\n");
    write_file(source / "src" / "main.py", "print('hello')\n");
    write_file(source / "run.sh", "#!/bin/sh\n");
    fs::permissions(source / "run.sh", fs::perms::owner_all);
    fs::create_symlink("src/main.py", source / "main.py");
    return source;
  }
  Result<BlobInfo> put(const fs::path& source) { return put_source_bundle(store(), source, recipe_); }
  fs::path unpack(const Digest& bundle) {
    const fs::path place = fresh_name(dir_, "unpacked-");
    fs::create_directories(place);
    const auto unpacked = unpack_source_bundle(store(), bundle, place, dir_);
    EXPECT_TRUE(unpacked) << to_string(unpacked.error());
    return place;
  }

  codec::UnikYaml recipe_;
};

TEST_F(SourceBundle, IsTheSameBytesForTheSameFiles) {
  const auto first = put(write_project("one"));
  ASSERT_OK(first);
  const fs::path other = write_project("two");
  fs::last_write_time(other / "unik.yaml", fs::file_time_type::clock::now() - std::chrono::hours(9));
  const auto second = put(other);
  ASSERT_OK(second);
  EXPECT_EQ(*first, *second);
  write_file(other / "unik.yaml", "version: 1 \n");
  EXPECT_NE(put(other)->digest, first->digest) << "how it is built is part of it";
}

TEST_F(SourceBundle, ComesOutAsItWentIn) {
  const auto bundle = put(write_project("one"));
  ASSERT_OK(bundle);
  const fs::path place = unpack(bundle->digest);
  EXPECT_EQ(read_file(place / "src" / "main.py", kibibytes(1)).value(), "print('hello')\n");
  EXPECT_EQ(fs::read_symlink(place / "main.py"), "src/main.py");
  EXPECT_TRUE(fs::exists(place / "unik.lock"));
  struct stat status {};
  ASSERT_EQ(::stat((place / "run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0755U);
}

TEST_F(SourceBundle, LeavesOutWhatIsMadeAnew) {
  const fs::path source = write_project("one");
  const auto bare = put(source);
  ASSERT_OK(bare);
  for (const char* const made : {".unikctl/native/x", ".git/HEAD", "node_modules/a/b.js", "src/__pycache__/m.pyc"})
    write_file(source / made, "made");
  EXPECT_EQ(put(source)->digest, bare->digest);
}

TEST_F(SourceBundle, OfABuildOfItsOwnLeavesOutItsArtifactAlone) {
  const fs::path source = write_project("one");
  write_file(source / "node_modules" / "a.js", "kept");
  recipe_.build_command = "cc -o app main.c";
  recipe_.artifact_path = "app";
  const auto bare = put(source);
  ASSERT_OK(bare);
  EXPECT_TRUE(fs::exists(unpack(bare->digest) / "node_modules" / "a.js")) << "the command may need it";
  write_file(source / "app", "of the build before");
  EXPECT_EQ(put(source)->digest, bare->digest);
  recipe_.build_command.clear();
  EXPECT_TRUE(fs::exists(unpack(put(source)->digest) / "app")) << "nobody makes it anew";
}

TEST_F(SourceBundle, RefusesALinkThatLeavesTheSource) {
  const fs::path source = write_project("one");
  fs::create_symlink("/etc/passwd", source / "secrets");
  const auto bundle = put(source);
  ASSERT_FALSE(bundle);
  EXPECT_EQ(bundle.error().reason, "unsafe_source");
  EXPECT_NE(bundle.error().message.find("secrets"), std::string::npos) << bundle.error().message;
}

TEST_F(SourceBundle, NobodySendsWhatBuildsKeepForThemselves) {
  for (const Member& member : {Member{".unikctl/native", AE_IFLNK, "/"}, Member{"./.unikctl", AE_IFLNK, "/"},
                               Member{".unikctl/cache/x", AE_IFREG, "planted"}}) {
    const auto blob = store().put(make_archive({member}));
    ASSERT_OK(blob);
    fs::create_directories(dir_ / "out");
    EXPECT_EQ(unpack_source_bundle(store(), blob->digest, dir_ / "out", dir_).error().reason, "unsafe_source");
    EXPECT_TRUE(fs::is_empty(dir_ / "out"));
  }
}

TEST_F(SourceBundle, WhatIsNoBundleIsRefused) {
  const auto blob = store().put("no archive");
  ASSERT_OK(blob);
  fs::create_directories(dir_ / "out");
  EXPECT_EQ(unpack_source_bundle(store(), blob->digest, dir_ / "out", dir_).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(fs::is_empty(dir_ / "out"));
  EXPECT_EQ(unpack_source_bundle(store(), Digest{}, dir_ / "out", dir_).error().reason, "no_such_blob");
}

}  // namespace
}  // namespace unik::runtimes
