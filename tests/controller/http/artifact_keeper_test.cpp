#include "controller/http/artifact_keeper.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "runtimes/lib/oci/reference.hpp"
#include "wire/clock.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

class ArtifactKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(::testing::TempDir()) / ("artifacts-" + std::to_string(::getpid()));
    artifacts_.emplace(*runtimes::BlobStore::open(directory_));
  }
  void TearDown() override { fs::remove_all(directory_); }

  // An image of one layer, as its reference.
  std::string upload(const std::string& name) const {
    runtimes::Manifest manifest;
    const auto put = [&](std::string_view bytes, std::string_view type) {
      const auto blob = artifacts_->put(bytes);
      return runtimes::Descriptor{std::string(type), blob->digest, blob->size, {}};
    };
    runtimes::ImageConfig config;
    config.entrypoint = {"/" + name};
    manifest.config = put(runtimes::print_image_config(config), runtimes::kConfigMediaType);
    manifest.layers = {put("layer of " + name, runtimes::kLayerTarMediaType)};
    return to_string(runtimes::Reference{name, artifacts_->put(runtimes::print_manifest(manifest))->digest});
  }
  bool is_whole(const std::string& image) const {
    return artifacts_->missing(runtimes::parse_reference(image)->digest)->empty();
  }
  void declare(const std::string& image, std::uint64_t rollout) {
    BootSpec boot;
    boot.image = image;
    apply(world_, PutTemplate{{AppName{Symbol("default"), Symbol("web")}, rollout}, boot});
  }
  std::size_t sweep(Duration unused = Duration::zero()) const {
    const auto swept = sweep_artifacts(*artifacts_, world_, wire::read_clock().wall + std::chrono::seconds(2) - unused);
    return swept ? swept->blobs : 99;
  }

  fs::path directory_;
  std::optional<runtimes::BlobStore> artifacts_;
  World world_;
};

TEST_F(ArtifactKeeperTest, WhatNoTemplateNamesGoesAndWhatARollbackNeedsStays) {
  const std::string now = upload("now");
  const std::string before = upload("before");
  const std::string gone = upload("gone");
  declare(before, 1);
  declare(now, 2);
  EXPECT_EQ(sweep(), 3U) << "manifest, config and layer";
  EXPECT_TRUE(is_whole(now));
  EXPECT_TRUE(is_whole(before));
  EXPECT_FALSE(is_whole(gone));
}

TEST_F(ArtifactKeeperTest, WhatCameOrWasAskedForLatelyStays) {
  const std::string fresh = upload("fresh");
  EXPECT_EQ(sweep(std::chrono::hours(24)), 0U);
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "blobs"))
    if (entry.is_regular_file()) fs::last_write_time(entry, fs::last_write_time(entry) - std::chrono::hours(25));
  const runtimes::Digest digest = runtimes::parse_reference(fresh)->digest;
  artifacts_->renew(digest);
  EXPECT_EQ(sweep(std::chrono::hours(24)), 2U) << "config and layer: nobody asked for them";
  EXPECT_TRUE(artifacts_->has(digest));
}

TEST_F(ArtifactKeeperTest, NothingGoesWhileItIsNotKnownWhatIsNeeded) {
  const std::string lost = upload("lost");
  world_.history_lost = true;
  EXPECT_EQ(sweep(), 0U);
  world_.history_lost = false;
  apply(world_, PutStray{});
  EXPECT_EQ(sweep(), 0U);
  EXPECT_TRUE(is_whole(lost));
}

TEST_F(ArtifactKeeperTest, ATemplateWhoseImageIsNotHereKeepsNothingFromGoing) {
  const std::string gone = upload("gone");
  declare("other@sha256:" + std::string(64, 'a'), 1);
  EXPECT_EQ(sweep(), 3U);
  EXPECT_FALSE(is_whole(gone));
}

TEST_F(ArtifactKeeperTest, ATemplateWhoseImageIsNoneKeepsItselfAndNothingElse) {
  const std::string gone = upload("gone");
  const std::string now = upload("now");
  const runtimes::Digest none = artifacts_->put("abc")->digest;
  declare(to_string(runtimes::Reference{"none", none}), 1);
  declare(now, 2);
  EXPECT_EQ(sweep(), 3U);
  EXPECT_TRUE(artifacts_->has(none));
  EXPECT_TRUE(is_whole(now));
  EXPECT_FALSE(is_whole(gone));
}

TEST_F(ArtifactKeeperTest, TheSourceOfABuildStaysUntilItIsDone) {
  const runtimes::Digest source = artifacts_->put("a bundle")->digest;
  Operation build;
  build.operation_id = "op-2-0";
  build.kind = OperationKind::kBuild;
  build.target = {Symbol("default"), Symbol("web")};
  build.build.emplace().app.spec.source = to_string(source);
  apply(world_, PutOperation{{2, 0}, build});
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "blobs"))
    if (entry.is_regular_file()) fs::last_write_time(entry, fs::last_write_time(entry) - std::chrono::hours(48));
  EXPECT_EQ(sweep(std::chrono::hours(24)), 0U);
  EXPECT_TRUE(artifacts_->has(source));
  build.state = OperationState::kFailed;
  apply(world_, PutOperation{{2, 0}, build});
  EXPECT_EQ(sweep(), 1U);
  EXPECT_FALSE(artifacts_->has(source));
}

}  // namespace
}  // namespace unik::controller
