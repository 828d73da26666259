// A builder whose `unikctl` is a script that stands for it: what it is given, and what becomes of what it leaves.
#include "controller/builds/builder.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "codec/unik_yaml.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/pack/source_bundle.hpp"
#include "tests/api-schemas/wire/wire_fixture.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

class BuilderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = directory_ / "home";
    fs::create_directories(home_ / "source");
    std::ofstream(home_ / "source" / "main.c") << "int main(void) { return 0; }\n";
    artifacts_.emplace(*runtimes::BlobStore::open(home_ / "artifacts"));
    images_.emplace(*runtimes::BlobStore::open(home_ / "images"));
    const auto bundle = put_source_bundle(*artifacts_, home_ / "source", codec::UnikYaml{});
    ASSERT_TRUE(bundle) << to_string(bundle.error());
    source_ = to_string(bundle->digest);
    logs_.emplace(home_ / "builds");
  }

  // `script` stands for `unikctl build DIRECTORY --name OPERATION ...`.
  void start(const std::string& script) {
    const fs::path program = home_ / "unikctl-stand-in";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(program, fs::perms::owner_all);
    BuilderOptions options{program, home_, {{"PATH", "/usr/bin:/bin"}, {"SECRET", "of the controller"}}};
    options.time_limit = time_limit_;
    builder_.emplace(options, *artifacts_, *logs_,
                     [this](const Event& event) { ended_.put(std::get<BuildEnded>(event).outcome); });
  }
  BeginBuild order(std::uint64_t seq = 2) const {
    Operation operation;
    operation.operation_id = to_string(OperationKey{seq, 0});
    operation.kind = OperationKind::kBuild;
    operation.state = OperationState::kRunning;
    operation.target = {Symbol("default"), Symbol("web")};
    operation.attempts = 1;
    operation.build.emplace().app.spec.source = source_;
    return {{seq, 0}, operation};
  }
  // As `unikctl build` leaves it in the home.
  std::string put_image(const std::string& name) const {
    runtimes::FileTree files;
    runtimes::FileNode file;
    file.content = std::string("built");
    file.size = 5;
    EXPECT_TRUE(runtimes::put_node(files, "app", std::move(file)));
    const auto layer = put_layer(*images_, files, "app");
    runtimes::ImageConfig config;
    config.entrypoint = {"/app"};
    config.diff_ids = {layer->diff_id};
    runtimes::Manifest manifest;
    const auto blob = images_->put(runtimes::print_image_config(config));
    manifest.config = {std::string(runtimes::kConfigMediaType), blob->digest, blob->size, {}};
    manifest.layers = {layer->descriptor};
    const auto whole = images_->put(runtimes::print_manifest(manifest));
    EXPECT_TRUE(
        images_->set_image({name, {std::string(runtimes::kManifestMediaType), whole->digest, whole->size, {}}}));
    return to_string(runtimes::Reference{name, whole->digest});
  }
  std::string log() const {
    std::ifstream file(home_ / "builds" / "op-2-0.log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::size_t directories_left() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(home_ / "builds")) count += entry.is_directory() ? 1 : 0;
    return count;
  }

  wire::TempDir directory_;
  fs::path home_;
  Duration time_limit_ = std::chrono::minutes(1);
  std::string source_;
  std::optional<runtimes::BlobStore> artifacts_, images_;
  std::optional<BuildLogs> logs_;
  wire::Box<BuildOutcome> ended_;
  std::optional<Builder> builder_;
};

TEST_F(BuilderTest, WhatWasBuiltIsAmongTheArtifactsUnderTheAppsName) {
  const std::string image = put_image("op-2-0");
  start("cat \"$2/main.c\" >&2; echo \"$*\" >&2; echo " + image);
  builder_->begin(order());
  const BuildOutcome outcome = *ended_.wait();
  ASSERT_FALSE(outcome.error) << to_string(*outcome.error);
  const auto reference = runtimes::parse_reference(outcome.image);
  ASSERT_TRUE(reference) << outcome.image;
  EXPECT_EQ(reference->name, "web");
  EXPECT_TRUE(artifacts_->missing(reference->digest)->empty());
  EXPECT_FALSE(images_->find_image("op-2-0")) << "its name there is of no use any more";
  EXPECT_NE(log().find("int main(void)"), std::string::npos) << log();
  EXPECT_NE(log().find("--name op-2-0 -o name"), std::string::npos) << log();
  EXPECT_EQ(directories_left(), 0U);
}

TEST_F(BuilderTest, ABuildSeesADeclaredEnvironmentAndNotTheControllers) {
  start("env >&2; nice >&2; exit 1");
  builder_->begin(order());
  EXPECT_TRUE(ended_.wait()->error);
  EXPECT_EQ(log().find("SECRET"), std::string::npos) << log();
  EXPECT_NE(log().find("UNIKCTL_HOME=" + home_.string()), std::string::npos) << log();
  EXPECT_NE(log().find("UNIKCTL_BUILD_OPERATION=op-2-0"), std::string::npos) << log();
  EXPECT_NE(log().find("SOURCE_DATE_EPOCH="), std::string::npos) << log();
  EXPECT_NE(log().find("\n19\n"), std::string::npos) << "at the lowest priority: " << log();
}

TEST_F(BuilderTest, AFailureHasTheCodeAndTheLastLines) {
  start("echo 'main.c:1: no' >&2; echo 'error: not_found: want cc; apt-get install gcc' >&2; exit 3");
  builder_->begin(order());
  const std::optional<Error> error = ended_.wait()->error;
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kNotFound);
  EXPECT_EQ(error->reason, "build_failed");
  EXPECT_NE(error->message.find("main.c:1: no\nerror: not_found: want cc"), std::string::npos) << error->message;
  EXPECT_NE(error->message.find("unikctl logs operation/op-2-0"), std::string::npos) << error->message;
}

TEST_F(BuilderTest, ABuildThatTakesTooLongIsEnded) {
  time_limit_ = std::chrono::milliseconds(300);
  start("sleep 600");
  builder_->begin(order());
  EXPECT_EQ(ended_.wait()->error->reason, "program_timed_out");
}

TEST_F(BuilderTest, ABuildThatTakesTooLongMayCleanUp) {
  time_limit_ = std::chrono::milliseconds(300);
  start("trap 'touch \"$UNIKCTL_HOME/cleaned\"; exit 0' TERM; while :; do sleep 0.05; done");
  builder_->begin(order());
  EXPECT_EQ(ended_.wait()->error->reason, "program_timed_out");
  EXPECT_TRUE(fs::exists(home_ / "cleaned"));
}

TEST_F(BuilderTest, ABuildThatNobodyWantsIsEndedAndNotAnswered) {
  const std::string image = put_image("op-3-0");
  start("case \"$*\" in *op-2-0*) touch \"$UNIKCTL_HOME/began\"; exec sleep 600;; esac; echo " + image);
  builder_->begin(order(2));
  while (!fs::exists(home_ / "began")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  builder_->end({{2, 0}});
  builder_->begin(order(3));
  EXPECT_NE(ended_.wait()->image, "") << "the first answer is the other's";
}

TEST_F(BuilderTest, TheControllersEndIsThatOfTheBuild) {
  start(
      "trap 'touch \"$UNIKCTL_HOME/cleaned\"; exit 0' TERM; touch \"$UNIKCTL_HOME/began\"; "
      "while :; do sleep 0.05; done");
  builder_->begin(order());
  while (!fs::exists(home_ / "began")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  builder_.reset();
  EXPECT_TRUE(fs::exists(home_ / "cleaned"));
  EXPECT_EQ(directories_left(), 0U);
}

TEST_F(BuilderTest, WhatAKilledControllerHasLeftGoes) {
  fs::create_directories(home_ / "builds" / "op-1-0.1" / "source");
  std::ofstream(home_ / "builds" / "op-1-0.log") << "kept";
  start("exit 1");
  builder_->begin(order());
  ended_.wait();
  EXPECT_FALSE(fs::exists(home_ / "builds" / "op-1-0.1"));
  EXPECT_TRUE(fs::exists(home_ / "builds" / "op-1-0.log"));
}

TEST_F(BuilderTest, ASourceThatHasGoneIsAnError) {
  start("exit 0");
  BeginBuild begin = order();
  Operation operation = *begin.operation;
  operation.build->app.spec.source = "sha256:" + std::string(64, '0');
  begin.operation = operation;
  builder_->begin(begin);
  EXPECT_EQ(ended_.wait()->error->reason, "no_such_blob");
}

}  // namespace
}  // namespace unik::controller
