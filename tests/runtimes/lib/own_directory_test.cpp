#include "runtimes/lib/pack/own_directory.hpp"

#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class OwnDirectoryTest : public LibTest {
 protected:
  void SetUp() override {
    LibTest::SetUp();
    source_ = dir_ / "source";
    victim_ = dir_ / "victim";
    for (const char* file : {"work/kept", "app/kept", "build.log", "home/kept"}) write_file(victim_ / file, "kept");
    fs::create_directories(source_);
  }
  // The refusal of a source in which `place` leads to `target`; "" when it is taken.
  std::string refusal_of_link(const fs::path& place, const fs::path& target) {
    fs::create_directories((source_ / place).parent_path());
    fs::create_symlink(target, source_ / place);
    const auto entered = enter_own_directory(source_);
    fs::remove_all(source_ / ".unikctl");
    return entered ? "" : entered.error().reason + ": " + entered.error().message;
  }

  fs::path source_, victim_;
};

TEST_F(OwnDirectoryTest, LinksAreRefusedBeforeAnythingIsTouched) {
  for (const char* place : {".unikctl", ".unikctl/native", ".unikctl/cache", ".unikctl/cache/home",
                            ".unikctl/native/work", ".unikctl/native/app", ".unikctl/cache/go-0123456789abcdef"}) {
    const std::string refusal = refusal_of_link(place, victim_);
    for (const std::string& wanted :
         {std::string("unsafe_source"), (source_ / place).string(), victim_.string(), std::string("remove it")})
      EXPECT_NE(refusal.find(wanted), std::string::npos) << place << ": " << refusal;
  }
  EXPECT_NE(refusal_of_link(".unikctl/native/build.log", victim_ / "build.log"), "");
  EXPECT_NE(refusal_of_link(".unikctl/native/lock", victim_ / "made"), "");
  EXPECT_EQ(shell("cd " + victim_.string() + " && find . -type f | LC_ALL=C sort | xargs"),
            "./app/kept ./build.log ./home/kept ./work/kept\n");
  EXPECT_EQ(slurp(victim_ / "build.log"), "kept");
  EXPECT_FALSE(fs::exists(source_ / ".unikctl"));
}

TEST_F(OwnDirectoryTest, AFileInItsPlaceIsRefused) {
  write_file(source_ / ".unikctl", "");
  const auto entered = enter_own_directory(source_);
  ASSERT_FALSE(entered);
  EXPECT_EQ(entered.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(entered.error().reason, "unsafe_source");
}

TEST_F(OwnDirectoryTest, WhatAKilledBuildLeftGoesAndTheRestStays) {
  for (const char* file : {"native/work/main.go", "native/app/app", "native/pack-metadata.json", "cache/go-1/x"})
    write_file(source_ / ".unikctl" / file, "left");
  ASSERT_OK(enter_own_directory(source_));
  EXPECT_FALSE(fs::exists(work_directory(source_)));
  EXPECT_FALSE(fs::exists(app_directory(source_)));
  EXPECT_EQ(slurp(metadata_path(source_)), "left");
  EXPECT_EQ(slurp(cache_directory(source_) / "go-1" / "x"), "left");
}

}  // namespace
}  // namespace unik::runtimes
