// What an App names as its image has to be one, and whole.
#include <string>

#include "tests/controller/http/served_api.hpp"

namespace unik::controller {
namespace {

class ApplyImage : public ServedApi {
 protected:
  // The error, or `applied`.
  std::string apply(const runtimes::Digest& image, const std::string& spec = "", const std::string& query = "") {
    wire::ClientRequest request;
    request.method = "POST";
    request.endpoint = server_->endpoints().front();
    request.target = "/v1/apply" + query;
    request.body = "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {image: x@" + to_string(image) +
                   spec + "}\n";
    const auto response = wire::fetch(request);
    if (!response) return to_string(response.error());
    if (response->ok()) return "applied";
    const Error error = wire::error_of(*response);
    return error.reason + ": " + error.message;
  }
};

TEST_F(ApplyImage, ThatIsWholeIsTaken) {
  EXPECT_EQ(apply(put_image()), "applied");
}

TEST_F(ApplyImage, ThatNobodyUploadedIsUnknown) {
  const std::string refused = apply(runtimes::sha256("elsewhere"));
  EXPECT_TRUE(refused.starts_with("image_unknown: app/web: the image x@")) << refused;
}

TEST_F(ApplyImage, ThatIsNoManifestIsUnknown) {
  for (const std::string& blob : {std::string("abc"), std::string(5 << 20, 'x')}) {
    const std::string refused = apply(context_->artifacts.put(blob)->digest);
    EXPECT_TRUE(refused.starts_with("image_unknown: app/web: the image x@")) << refused;
    EXPECT_NE(refused.find("want the digest of an image's manifest"), std::string::npos) << refused;
  }
  EXPECT_EQ(runner_->world()->apps.find({Symbol("default"), Symbol("web")}), nullptr);
}

TEST_F(ApplyImage, OfWhichSomethingIsMissingIsRefusedByName) {
  const std::string config = to_string(runtimes::sha256(config_of({"/app"})));
  const std::string layer = to_string(runtimes::sha256("a layer"));
  EXPECT_NE(apply(put_image("config")).find("found it without the config " + config + ": upload it"),
            std::string::npos);
  ASSERT_TRUE(context_->artifacts.remove(runtimes::sha256("a layer")));
  const std::string refused = apply(put_image("layer"));
  EXPECT_TRUE(refused.starts_with("image_incomplete: app/web: want all of the image x@")) << refused;
  EXPECT_NE(refused.find("found it without the layer " + layer), std::string::npos) << refused;
  EXPECT_EQ(apply(put_image()), "applied") << "uploaded again";
}

TEST_F(ApplyImage, WithoutAProgramNeedsArguments) {
  const runtimes::Digest image = put_image("", {});
  const std::string refused = apply(image);
  EXPECT_TRUE(refused.starts_with("no_program: app/web: want an image with an entry point")) << refused;
  EXPECT_EQ(apply(image, ", args: [/bin/web]"), "applied");
  EXPECT_TRUE(apply(image).starts_with("no_program: app/web")) << "the image that runs, without what makes it run";
  EXPECT_EQ(apply(image, ", args: [/bin/web]"), "applied") << "as it is";
}

TEST_F(ApplyImage, ThatIsPromisedIsTakenForADryRunAlone) {
  const std::string promised = "?dry_run=1&promised_images=1";
  const runtimes::Digest elsewhere = runtimes::sha256("elsewhere");
  EXPECT_TRUE(apply(elsewhere, "", "?dry_run=1").starts_with("image_unknown"));
  EXPECT_EQ(apply(elsewhere, "", promised), "applied");
  EXPECT_EQ(apply(put_image("layer"), "", promised), "applied");
  EXPECT_TRUE(apply(context_->artifacts.put("abc")->digest, "", promised).starts_with("image_unknown"));
  EXPECT_TRUE(apply(elsewhere, "", "?promised_images=1").starts_with("bad_query"));
  EXPECT_EQ(runner_->world()->apps.find({Symbol("default"), Symbol("web")}), nullptr);
}

// Jobs have served as a whole when they have ended, which takes no time.
class ApplyJob : public ApplyImage {
 protected:
  ApplyJob() {
    runner_->ask(
        [](RequestId id) {
          RegisterRequest request;
          request.node = "n1";
          request.agent_id = "a1";
          request.agent_start = 1;
          request.info.capacity = {MilliCpu{4000}, mebibytes(4096)};
          return Event(RegisterAsked{id, "", request});
        },
        [](const Answer&) {});
    report();
  }

  // Every instance has ended well, says its node.
  void report() {
    settle();
    Report report;
    report.node = "n1";
    report.agent_start = 1;
    report.seq = report.digest = ++reports_;
    report.body.emplace();
    const std::shared_ptr<const World> world = runner_->world();
    // With the first one it has no goals yet.
    if (reports_ > 1) report.accepted_stamp = {world->cluster.cluster_id, world->cluster.epoch, world->revision};
    for (const auto& [id, row] : world->instances) {
      if (row.goal != InstanceGoal::kRun) continue;
      ObservedInstance ended;
      ended.id = id;
      ended.status.phase = Phase::kExited;
      ended.status.last_exit = Exit{ExitKind::kExited, 0};
      report.body->instances.push_back(ended);
    }
    runner_->ask([&](RequestId id) { return Event(HeartbeatArrived{id, report}); }, [](const Answer&) {});
    settle();
  }

  // Requests are answered in the order that they come in: what came before has been carried out.
  void settle() { declare("{}"); }

  void declare(const std::string& tenant) {
    const std::string manifest = "apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: default}\nspec: ";
    const std::string reply = post("/v1/apply", manifest + tenant + "\n");
    EXPECT_NE(reply.find("\"objects\""), std::string::npos) << reply;
  }

  std::uint64_t reports_ = 0;
};

TEST_F(ApplyJob, ThatPoliciesRefuseIsNoWayBackAfterARestartEither) {
  for (const char* const program : {"/old", "/new"}) {
    ASSERT_EQ(apply(put_image("", {program}), ", restart: {policy: never}"), "applied");
    report();
  }
  declare("{allowContainers: false}");
  EXPECT_EQ(post("/v1/rollouts/web/rollback", ""), "container_image");
  ASSERT_NE(post("/v1/rollouts/web/restart", "").find("updated"), std::string::npos);
  EXPECT_EQ(post("/v1/rollouts/web/rollback", ""), "container_image");
}

TEST_F(ApplyJob, ThatIsBeingDeletedRollsOutNoFurther) {
  ASSERT_EQ(apply(put_image(), ", restart: {policy: never}"), "applied");
  settle();
  ASSERT_NE(post("/v1/destroy", R"({"tenant":"default","names":["web"]})").find("\"destroy\""), std::string::npos);
  for (const char* const verb : {"pause", "resume", "promote", "abort", "restart", "rollback"})
    EXPECT_EQ(post("/v1/rollouts/web/" + std::string(verb), ""), "app_deleting") << verb;
  wire::ClientRequest request;
  request.endpoint = server_->endpoints().front();
  request.target = "/v1/rollouts/web";
  const auto response = wire::fetch(request);
  ASSERT_TRUE(response && response->ok());
  EXPECT_NE(response->body.find(R"("phase":"deleting")"), std::string::npos) << response->body;
  EXPECT_NE(response->body.find("the app is being deleted"), std::string::npos) << response->body;
}

}  // namespace
}  // namespace unik::controller
