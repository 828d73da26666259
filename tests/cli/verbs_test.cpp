// The verbs end to end, against a simulated controller: what they send, print and exit with.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "codec/views_json.hpp"
#include "tests/cli/samples.hpp"
#include "tests/cli/simulated_controller.hpp"
#include "wire/endpoint.hpp"

namespace unik::cli {
namespace {

class Verbs : public testing::Test {
 protected:
  RunResult unikctl(const std::vector<std::string>& args, const std::string& input = "") {
    return run_unikctl(controller, args, input);
  }
  void write(const std::string& name, const std::string& text) {
    const auto path = controller.directory() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  SimulatedController controller;
};

std::string app_page() {
  codec::Page<AppView> page;
  page.items = {sample_app()};
  return codec::to_json(page);
}

std::string instance_page(std::vector<InstanceView> instances) {
  codec::Page<InstanceView> page;
  page.items = std::move(instances);
  return codec::to_json(page);
}

std::string operation_json(OperationState state, std::optional<Error> error = std::nullopt) {
  Operation operation = sample_operation();
  operation.state = state;
  operation.error = std::move(error);
  return codec::to_json(operation);
}

constexpr const char* kManifest = R"(apiVersion: unikctl.dev/v1
kind: App
metadata: {name: web}
spec:
  image: web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
)";

TEST_F(Verbs, ExitCodesAreThoseOfTheErrorsCode) {
  const std::vector<std::pair<ErrorCode, int>> codes{
      {ErrorCode::kInvalid, 2},      {ErrorCode::kNotFound, 3},  {ErrorCode::kConflict, 4},
      {ErrorCode::kUnauthorized, 5}, {ErrorCode::kForbidden, 5}, {ErrorCode::kExhausted, 6},
      {ErrorCode::kUnavailable, 7},  {ErrorCode::kInternal, 8},  {ErrorCode::kTimeout, 9}};
  for (const auto& [code, exit_code] : codes) {
    Error error{code, "some_reason", "want this, found that, do so", {}, "0123456789abcdef0123456789abcdef"};
    SimulatedController one;
    one.answer("GET /v1/apps", traits(code).http_status, codec::to_json(error));
    const RunResult run = run_unikctl(one, {"get", "app"});
    EXPECT_EQ(run.code, exit_code) << traits(code).name;
    EXPECT_EQ(run.err, "error: " + std::string(traits(code).name) +
                           ": want this, found that, do so (trace 0123456789abcdef0123456789abcdef)\n");
    EXPECT_EQ(run.out, "");
  }
}

TEST_F(Verbs, AnUnreachableControlPlaneIsCodeSevenAndNamed) {
  const RunResult run = unikctl({"--url", "unix://" + (controller.directory() / "nobody.sock").string(), "status"});
  EXPECT_EQ(run.code, 7);
  EXPECT_NE(run.err.find("nobody.sock"), std::string::npos) << run.err;
}

TEST_F(Verbs, GetPrintsATableAndFollowsPages) {
  codec::Page<AppView> first;
  first.items = {sample_app()};
  first.next = "web";
  codec::Page<AppView> second;
  second.items = {sample_app()};
  second.items.front().app.metadata.name = "zoo";
  controller.answer("GET /v1/apps", 200, codec::to_json(first));
  controller.answer("GET /v1/apps", 200, codec::to_json(second));
  const RunResult run = unikctl({"get", "apps", "-o", "name"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "app/web\napp/zoo\n");
  ASSERT_EQ(controller.seen("GET /v1/apps").size(), 2u);
  EXPECT_EQ(controller.seen("GET /v1/apps")[1].target, "/v1/apps?tenant=default&continue=web");
}

TEST_F(Verbs, GetShowsWhatIsThereAndThenWhatIsNot) {
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/apps/a", 404, codec::to_json(not_found("app_not_found", "there is no app `a`")));
  controller.answer("GET /v1/apps/b", 404, codec::to_json(not_found("app_not_found", "there is no app `b`")));
  const RunResult run = unikctl({"get", "app", "a", "web", "b", "-o", "name"});
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.out, "app/web\n");
  EXPECT_TRUE(run.err.starts_with("error: not_found: there is no app `a`")) << run.err;
  EXPECT_TRUE(run.err.ends_with("\n  app/b: there is no app `b`\n")) << run.err;
  EXPECT_EQ(unikctl({"get", "app", "a", "-o", "json"}).out, "");
}

TEST_F(Verbs, GetOfNothingSaysSoOnStderr) {
  controller.answer("GET /v1/apps", 200, R"({"items":[],"revision":1})");
  const RunResult run = unikctl({"get", "app", "--tenant", "team-a"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "no apps in tenant team-a\n");
}

TEST_F(Verbs, TheTokenIsSentAndNeverPrinted) {
  controller.answer("GET /v1/nodes", 200, R"({"items":[],"revision":1})");
  const RunResult run = unikctl({"node", "list", "--token", "s3cret"});
  EXPECT_EQ(controller.seen().front().authorization, "Bearer s3cret");
  EXPECT_EQ((run.out + run.err).find("s3cret"), std::string::npos);
}

TEST_F(Verbs, ApplyTakesFilesDirectoriesAndStdinAsOneRequest) {
  write("m/b.yaml", std::string(kManifest));
  write("m/deep/a.yml", "apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: team-a}\n");
  write("m/.hidden/x.yaml", "not: read\n");
  write("m/unik.yaml", "version: 1\n");
  controller.answer("POST /v1/apply", 200, codec::to_json(sample_reply()));
  const RunResult run =
      unikctl({"apply", "-f", "m", "-f", "-"}, "apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: n1}\n");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "app/web updated (replacement)\nnode/n1 created\ntenant/default unchanged\n");
  ASSERT_EQ(controller.seen().size(), 1u);
  const std::string body = controller.seen().front().body;
  EXPECT_LT(body.find("\"App\""), body.find("\"Tenant\"")) << body;
  EXPECT_LT(body.find("\"Tenant\""), body.find("\"Node\"")) << body;
}

std::string apps_of_registry_images(std::size_t count) {
  std::string documents;
  for (std::size_t i = 0; i < count; ++i)
    documents += "---\napiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web-" + std::to_string(i) +
                 "}\nspec: {image: registry.example/web@sha256:" + std::string(63, 'a') + std::to_string(i) + "}\n";
  return documents;
}

TEST_F(Verbs, ApplyAsksOnceForAllImagesThatHaveDigests) {
  controller.answer("POST /v1/apply", 200, codec::to_json(sample_reply()));
  const RunResult run = unikctl({"apply", "-f", "-"}, apps_of_registry_images(3));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(controller.seen().size(), 1u);
}

TEST_F(Verbs, ApplyLooksForImagesThatTheControlPlaneLacks) {
  controller.answer("POST /v1/apply", 400, codec::to_json(invalid("image_unknown", "upload it first")));
  controller.answer("POST /v1/apply", 200, codec::to_json(sample_reply()));
  for (const char* const last : {"0", "1"})
    controller.answer("HEAD /v1/artifacts/sha256:" + std::string(63, 'a') + last, 200, "");  // come meanwhile
  const RunResult run = unikctl({"apply", "-f", "-"}, apps_of_registry_images(2));
  EXPECT_EQ(run.code, 0) << run.err;
  const auto asked = controller.seen("POST /v1/apply");
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked.front().body, asked.back().body);
  EXPECT_EQ(controller.seen().size(), 4u);
}

TEST_F(Verbs, ApplyTakesWhatGetHasPrintedAsJson) {
  controller.answer("POST /v1/apply", 200, codec::to_json(sample_reply()));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  const RunResult got = unikctl({"get", "app", "web", "-o", "json"});
  const RunResult applied = unikctl({"apply", "-f", "-"}, got.out);
  EXPECT_EQ(applied.code, 0) << applied.err;
}

TEST_F(Verbs, ApplyOfAnEmptyPathReadsNothing) {
  write("web.yaml", kManifest);
  const RunResult run = unikctl({"apply", "-f", ""});
  EXPECT_EQ(run.code, 2);
  EXPECT_NE(run.err.find("--file: want"), std::string::npos) << run.err;
  EXPECT_TRUE(controller.seen().empty());
}

TEST_F(Verbs, ApplyTellsAllFaultsAndSendsNothing) {
  write("bad.yaml",
        "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n  image: x\n  replicsa: 2\n  replicas: "
        "-1\n");
  const RunResult run = unikctl({"apply", "-f", "bad.yaml"});
  EXPECT_EQ(run.code, 2);
  EXPECT_NE(run.err.find("bad.yaml:6:3"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("bad.yaml:7:"), std::string::npos) << run.err;
  EXPECT_TRUE(controller.seen().empty());
  EXPECT_EQ(unikctl({"validate", "-f", "bad.yaml"}).code, 2);
  EXPECT_EQ(unikctl({"apply", "-f", "none.yaml"}).code, 3);
}

TEST_F(Verbs, DiffIsADryRunAndItsCodeTellsOfDifferences) {
  write("web.yaml", kManifest);
  ApplyReply reply = sample_reply();
  reply.dry_run = true;
  controller.answer("POST /v1/apply", 200, codec::to_json(reply));
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  const RunResult different = unikctl({"diff", "-f", "web.yaml"});
  EXPECT_EQ(different.code, 1);
  EXPECT_NE(different.out.find("spec.replicas: 1 -> 3"), std::string::npos);
  EXPECT_EQ(controller.seen().front().target, "/v1/apply?dry_run=1");
  const RunResult same = unikctl({"diff", "-f", "web.yaml"});
  EXPECT_EQ(same.code, 0);
  EXPECT_EQ(same.out, "");
}

TEST_F(Verbs, ValidateNeedsNoControlPlane) {
  write("web.yaml", kManifest);
  const RunResult run = unikctl({"validate", "-f", "web.yaml"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "web.yaml:1:1: app/web is valid\n");
  EXPECT_EQ(unikctl({"validate", "-f", "web.yaml", "-o", "name"}).out, "app/web\n");
  EXPECT_EQ(unikctl({"validate", "-f", "web.yaml", "-o", "yaml"}).out,
            "items:\n- file: web.yaml\n  line: 1\n  column: 1\n  object: app/web\n");
  EXPECT_TRUE(controller.seen().empty());
}

TEST_F(Verbs, ValidateRefusesALabelByWhichANodeWouldPoseAsAnother) {
  write("node.yaml",
        "apiVersion: unikctl.dev/v1\nkind: Node\nmetadata: {name: n2, labels: {unikctl.dev/name: n1, zone: a}}\n");
  for (const char* const verb : {"validate", "apply"}) {
    const RunResult run = unikctl({verb, "-f", "node.yaml"});
    EXPECT_EQ(run.code, 2);
    EXPECT_NE(run.err.find("want another label, since what begins with `unikctl.dev/` a node says of itself"),
              std::string::npos)
        << run.err;
  }
  EXPECT_TRUE(controller.seen().empty());
}

TEST_F(Verbs, DeployOfAnImageReturnsTheOperation) {
  ApplyReply reply;
  reply.objects = {sample_reply().objects.front()};
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  const RunResult run = unikctl({"deploy", kSampleImage, "--replicas", "2", "--", "--port", "80"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "app/web updated (replacement)\noperation op-42-0\n");
  EXPECT_NE(run.err.find("next: unikctl status"), std::string::npos);
  const auto sent = codec::from_json<Resource>(controller.seen().front().body);
  ASSERT_TRUE(sent) << controller.seen().front().body;
  EXPECT_EQ(std::get<App>(*sent).spec.boot.args, (std::vector<std::string>{"--port", "80"}));
  EXPECT_EQ(std::get<App>(*sent).spec.replicas, 2u);
}

TEST_F(Verbs, DeployNamesTheFlagAtFaultAndBuildsNothingBefore) {
  write("app/unik.yaml", "version: 1\nbuild: {command: touch built}\nartifact: {path: built}\n");
  const RunResult early = unikctl({"deploy", "app", "--replicas", "1001"});
  EXPECT_EQ(early.code, 2);
  EXPECT_NE(early.err.find("\n  --replicas: want a whole number from 0 to 1000, got `1001`\n"), std::string::npos)
      << early.err;
  EXPECT_FALSE(std::filesystem::exists(controller.directory() / "app/built"));

  Error refused = invalid("invalid_spec", "nothing was applied: one field is not acceptable");
  refused.details = {{"app/web", 0, 0, "spec.resources.memory", "the tenant allows at most 32Mi"}};
  controller.answer("POST /v1/deployments", 400, codec::to_json(refused));
  const RunResult late = unikctl({"deploy", kSampleImage, "--memory", "64Mi"});
  EXPECT_EQ(late.code, 2);
  EXPECT_NE(late.err.find("\n  --memory: the tenant allows at most 32Mi\n"), std::string::npos) << late.err;
}

TEST_F(Verbs, WhatDescribesASourceIsAFile) {
  for (const char* name : {"unik.yaml", "unik.lock"}) {
    const std::filesystem::path path = controller.directory() / name / name;
    write(std::string(name) + "/main.py", "");
    std::filesystem::create_directory(path);
    const RunResult directory = unikctl({"build", name});
    EXPECT_EQ(directory.code, 2) << directory.err;
    EXPECT_NE(directory.err.find(std::string(name) + ": want a file, found a directory"), std::string::npos)
        << directory.err;
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const RunResult pipe = unikctl({"build", name});
    EXPECT_EQ(pipe.code, 2) << pipe.err;
    EXPECT_NE(pipe.err.find(": want a file, found a device, pipe or socket"), std::string::npos) << pipe.err;
  }
}

TEST_F(Verbs, FaultsOfTheControlPlaneHaveTheirPlacesInTheFiles) {
  write("web.yaml", std::string("# a comment\n") + kManifest + "  resources: {cpu: 100m, memory: 64Mi}\n");
  Error refused = invalid("invalid_spec", "nothing was applied: 2 fields are not acceptable");
  refused.details = {{"app/web", 0, 0, "spec.resources.memory", "the tenant allows at most 32Mi"},
                     {"app/other", 0, 0, "spec.ports", "of another request"}};
  controller.answer("POST /v1/apply", 400, codec::to_json(refused));
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"apply", "-f", "web.yaml"}, {"diff", "-f", "web.yaml"}}) {
    const RunResult run = unikctl(verb);
    EXPECT_EQ(run.code, 2);
    EXPECT_NE(run.err.find("\n  web.yaml:7:34: spec.resources.memory: the tenant allows"), std::string::npos)
        << run.err;
    EXPECT_NE(run.err.find("\n  app/other: spec.ports: of another"), std::string::npos) << run.err;
  }
}

TEST_F(Verbs, EverySourceIsLookedAtBeforeOneIsBuilt) {
  write("app/unik.yaml", "version: 1\nbuild: {command: touch built}\nartifact: {path: built}\n");
  const auto app = [](const std::string& name, const std::string& source) {
    return "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: " + name + "}\nspec: {source: " + source + "}\n";
  };
  write("two.yaml", app("web", "./app") + "---\n" + app("api", "./none") + "---\n" + app("db", "./nothing"));
  const RunResult run = unikctl({"apply", "-f", "two.yaml"});
  EXPECT_EQ(run.code, 3) << run.err;
  EXPECT_NE(run.err.find("\n  two.yaml:9:16: spec.source: "), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("\n  two.yaml:14:16: spec.source: "), std::string::npos) << run.err;
  EXPECT_FALSE(std::filesystem::exists(controller.directory() / "app/built"));
}

TEST_F(Verbs, DeployDryRunSendsNothing) {
  const RunResult run = unikctl({"deploy", kSampleImage, "--name", "api", "--dry-run"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("kind: App"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("name: api"), std::string::npos) << run.out;
  EXPECT_TRUE(controller.seen().empty());
}

// A source to send, and what the control plane says of its build.
class RemoteBuild : public Verbs {
 protected:
  RemoteBuild() { write("app/unik.yaml", "version: 1\ndeploy: {replicas: 2}\n"); }

  static Operation build(OperationState state) {
    Operation operation = sample_operation();
    operation.operation_id = "op-7-0";
    operation.kind = OperationKind::kBuild;
    operation.state = state;
    operation.error.reset();
    operation.build.emplace();
    operation.build->app.metadata.name = "web";
    operation.build->app.metadata.tenant = "default";
    operation.build->app.spec.source = "sha256:" + std::string(64, 'a');
    return operation;
  }
  void accept() {
    controller.answer("POST /v1/artifacts", 200, "{}");
    ApplyReply reply;
    reply.operations = {build(OperationState::kPending)};
    controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  }
  // Of the HEAD that comes before an upload.
  std::string digest_asked() {
    for (const SeenRequest& request : controller.seen())
      if (request.method == "HEAD") return request.target.substr(std::string("/v1/artifacts/").size());
    return "";
  }
};

TEST_F(RemoteBuild, SendsTheSourceAndTheAppAndSaysHowToFollow) {
  accept();
  const RunResult run = unikctl({"deploy", "app", "--remote-build", "--runtime", "python@1"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "operation op-7-0\n");
  EXPECT_NE(run.err.find("unikctl logs -f operation/op-7-0"), std::string::npos) << run.err;
  ASSERT_EQ(controller.seen("POST /v1/artifacts").size(), 1U);
  EXPECT_EQ(controller.seen("POST /v1/artifacts").front().target,
            "/v1/artifacts?digest=" + wire::percent_encode(digest_asked()));
  const SeenRequest asked = controller.seen("POST /v1/deployments").front();
  EXPECT_EQ(asked.target, "/v1/deployments?tenant=default&runtime=python%401");
  const auto app = codec::from_json<Resource>(asked.body);
  ASSERT_TRUE(app) << asked.body;
  EXPECT_EQ(std::get<App>(*app).spec.source, digest_asked());
  EXPECT_EQ(std::get<App>(*app).spec.boot.image, "");
  EXPECT_EQ(std::get<App>(*app).spec.replicas, 2U) << "of unik.yaml";
}

TEST_F(RemoteBuild, WhatTheControlPlaneHasIsNotSentAgain) {
  accept();
  ASSERT_EQ(unikctl({"deploy", "app", "--remote-build"}).code, 0);
  controller.answer("HEAD /v1/artifacts/" + digest_asked(), 200, "");
  ASSERT_EQ(unikctl({"deploy", "app", "--remote-build"}).code, 0);
  EXPECT_EQ(controller.seen("POST /v1/artifacts").size(), 1U);
}

TEST_F(RemoteBuild, WaitShowsTheLogAsItComesAndWhyItFailed) {
  accept();
  Operation failed = build(OperationState::kFailed);
  failed.error = invalid("build_failed", "the build failed; its end:\nmain.c:1: no");
  controller.answer("GET /v1/operations/op-7-0", 200, codec::to_json(build(OperationState::kRunning)));
  controller.answer("GET /v1/operations/op-7-0", 200, codec::to_json(failed));
  controller.answer("GET /v1/operations/op-7-0/log", 200, "compiling\n");
  controller.answer("GET /v1/operations/op-7-0/log", 200, "main.c:1: no\n");
  const RunResult run = unikctl({"deploy", "app", "--remote-build", "--wait"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("compiling\nmain.c:1: no\nbuild of app/web failed: build_failed: the build failed"),
            std::string::npos)
      << run.err;
  const auto logs = controller.seen("GET /v1/operations/op-7-0/log");
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs.back().target, "/v1/operations/op-7-0/log?tenant=default&offset=10") << "each byte once";
}

TEST_F(RemoteBuild, WaitGoesOnWithTheDeployThatFollows) {
  accept();
  Operation done = build(OperationState::kSucceeded);
  done.message = std::string("built ") + kSampleImage;
  done.build->image = kSampleImage;
  done.build->deploy = "op-42-0";
  controller.answer("GET /v1/operations/op-7-0", 200, codec::to_json(done));
  controller.answer("GET /v1/operations/op-7-0/log", 200, "linking\n");
  controller.answer("GET /v1/operations/op-42-0", 200,
                    operation_json(OperationState::kFailed, unavailable("crash_loop", "web-0-r42-1: crash_loop")));
  const RunResult run = unikctl({"deploy", "app", "--remote-build", "--wait"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("linking\nbuilt web@"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("crash_loop"), std::string::npos) << run.err;
}

TEST_F(RemoteBuild, RefusesWhatNoBundleBringsAlong) {
  EXPECT_EQ(unikctl({"deploy", "app", "--remote-build", "--include", "a:/b"}).code, 2);
  EXPECT_EQ(unikctl({"deploy", "--rootfs", "app", "--remote-build", "--", "/x"}).code, 2);
  EXPECT_EQ(unikctl({"deploy", "none", "--remote-build"}).code, 2);
  EXPECT_TRUE(controller.seen("POST /v1/deployments").empty());
}

TEST_F(RemoteBuild, AnUploadThatBreaksOffSaysSoAndDeploysNothing) {
  controller.answer("POST /v1/artifacts", 503, codec::to_json(unavailable("store_failed", "the disk is away")));
  const RunResult run = unikctl({"deploy", "app", "--remote-build"});
  EXPECT_EQ(run.code, 7);
  EXPECT_NE(run.err.find("nothing was deployed"), std::string::npos) << run.err;
  EXPECT_TRUE(controller.seen("POST /v1/deployments").empty());
}

TEST_F(RemoteBuild, LogsPrintsWhatABuildHasSaid) {
  controller.answer("GET /v1/operations/op-7-0/log", 200, "compiling\n");
  const RunResult run = unikctl({"logs", "operation/op-7-0"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "compiling\n");
  EXPECT_EQ(unikctl({"logs", "operation/op-7-0", "--tail", "3"}).code, 2);
}

TEST_F(Verbs, DeployWaitShowsTheTimelineAndTheUrl) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0)}));
  const RunResult run = unikctl({"deploy", kSampleImage, "--wait"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out,
            "web-0-r42-1 ready on local in 1.3s: fetch 120ms, prepare 14ms, start 240ms, first byte 203ms, "
            "healthy 1.3s\nhttp://127.0.0.1:18080\n");
}

TEST_F(Verbs, DeployWaitFailsWhereAPortIsNotPublished) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  AppView app = sample_app();
  app.urls = {{"http", "local", "", "port 80 is in use"}};
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0)}));
  const RunResult run = unikctl({"deploy", kSampleImage, "--wait"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("port http is not published: port 80 is in use"), std::string::npos) << run.err;
}

TEST_F(Verbs, DeployWaitTellsWhyItFailedWithTheLastLines) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200,
                    operation_json(OperationState::kFailed, unavailable("crash_loop", "web-1-r42-1: exits at once")));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0), sample_instance(1)}));
  controller.answer("GET /v1/logs/web-1-r42-1", 200, "Segmentation fault\n");
  const RunResult run = unikctl({"deploy", kSampleImage, "--wait"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(
      run.err.find("failed: crash_loop: web-1-r42-1: exits at once\nlast lines of web-1-r42-1:\nSegmentation fault\n"),
      std::string::npos)
      << run.err;
}

TEST_F(Verbs, DeployWaitOfAnAppThatEndsAtOnceWaitsForWhatItComesTo) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  InstanceView again = sample_instance(0);
  again.status.phase = Phase::kPending;
  again.status.reason = "backoff";
  again.status.last_exit = Exit{ExitKind::kExited, 3};
  InstanceView given_up = again;
  given_up.status.reason = "crash_loop";
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/instances", 200, instance_page({again}));
  controller.answer("GET /v1/instances", 200, instance_page({given_up}));
  controller.answer("GET /v1/logs/web-0-r42-1", 200, "no such table\n");
  const RunResult failed = unikctl({"deploy", kSampleImage, "--wait"});
  EXPECT_EQ(failed.code, 1) << failed.out;
  EXPECT_EQ(failed.out, "");
  EXPECT_NE(failed.err.find("failed: crash_loop: web-0-r42-1: exit 3\nlast lines of web-0-r42-1:\nno such table\n"),
            std::string::npos)
      << failed.err;

  // Without a check it is seen running for a moment, which is not to stay up.
  InstanceView moment = sample_instance(0);
  moment.status.health = Health::kNone;
  controller.forget("GET /v1/instances");
  controller.answer("GET /v1/instances", 200, instance_page({moment}));
  controller.answer("GET /v1/instances", 200, instance_page({given_up}));
  EXPECT_EQ(unikctl({"deploy", kSampleImage, "--wait"}).code, 1);

  controller.forget("GET /v1/instances");
  controller.answer("GET /v1/instances", 200, instance_page({again}));
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0)}));
  const RunResult recovered = unikctl({"deploy", kSampleImage, "--wait"});
  EXPECT_EQ(recovered.code, 0) << recovered.err;
  EXPECT_NE(recovered.out.find("web-0-r42-1 ready on local"), std::string::npos) << recovered.out;

  controller.forget("GET /v1/instances");
  controller.answer("GET /v1/instances", 200, instance_page({again}));
  EXPECT_EQ(unikctl({"deploy", kSampleImage, "--wait", "--timeout", "50ms"}).code, 9);
}

TEST_F(Verbs, DeployWaitTimesOutWithCodeNine) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kPending));
  const RunResult run = unikctl({"deploy", kSampleImage, "--wait", "--timeout", "50ms"});
  EXPECT_EQ(run.code, 9);
  EXPECT_NE(run.err.find("unikctl wait operation/op-42-0"), std::string::npos) << run.err;
}

TEST_F(Verbs, DeployWaitSaysWhatKeepsItFromGoingOn) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  Operation waits = sample_operation();
  waits.state = OperationState::kPending;
  waits.message = "0 of 1 ready, web-0-r42-1: running";
  waits.error = unavailable("node_silent", "web-0-r42-1 is on node n3, which is silent");
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, codec::to_json(waits));
  const RunResult run = unikctl({"deploy", kSampleImage, "--wait", "--timeout", "50ms"});
  EXPECT_EQ(run.code, 9);
  EXPECT_NE(run.err.find("web: node_silent: web-0-r42-1 is on node n3, which is silent\n"), std::string::npos)
      << run.err;
  EXPECT_NE(run.err.find("is pending after 50ms (node_silent: web-0-r42-1 is on node n3, which is silent); it goes on"),
            std::string::npos)
      << run.err;

  waits.message = "0 of 1 ready, web-0-r42-1: no_eligible_node: 0 of 3 nodes fit";
  waits.error = exhausted("no_eligible_node", "web-0-r42-1: no_eligible_node: 0 of 3 nodes fit");
  controller.forget("GET /v1/operations/op-42-0");
  controller.answer("GET /v1/operations/op-42-0", 200, codec::to_json(waits));
  const RunResult unplaced = unikctl({"deploy", kSampleImage, "--wait", "--timeout", "50ms"});
  EXPECT_NE(unplaced.err.find("web: 0 of 1 ready, web-0-r42-1: no_eligible_node: 0 of 3 nodes fit\n"),
            std::string::npos)
      << unplaced.err;
}

TEST_F(Verbs, AJobStreamsItsConsoleAndExitsWithItsOwnCode) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  AppView app = sample_app();
  app.desired = 1;
  InstanceView running = sample_instance(0);
  InstanceView ended = running;
  ended.status.phase = Phase::kExited;
  ended.status.last_exit = Exit{ExitKind::kExited, 42};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/instances", 200, instance_page({running}));
  controller.answer("GET /v1/instances", 200, instance_page({running}));
  controller.answer("GET /v1/instances", 200, instance_page({ended}));
  controller.answer("GET /v1/logs/web", 200,
                    "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\nweb-0-r42-1 | 2026-11-22T10:00:01.000Z two\n");
  const RunResult run = unikctl({"deploy", kSampleImage, "--restart", "never", "--wait"});
  EXPECT_EQ(run.code, 42) << run.err;
  EXPECT_EQ(run.out, "one\ntwo\n");
}

TEST_F(Verbs, AJobOfNoReplicasHasEnded) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  AppView app = sample_app();
  app.desired = 0;
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/instances", 200, instance_page({}));
  EXPECT_EQ(unikctl({"deploy", kSampleImage, "--restart", "never", "--wait", "--timeout", "5s"}).code, 0);
}

TEST_F(Verbs, AJobThatDoesNotBeginSaysWhatItWaitsFor) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  AppView app = sample_app();
  app.desired = 1;
  InstanceView waits = sample_instance(0);
  waits.status = {};
  waits.status.reason = "fetching";
  waits.status.message = "writing /x: No space left on device";
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/instances", 200, instance_page({waits}));
  const RunResult run = unikctl({"deploy", kSampleImage, "--restart", "never", "--wait", "--timeout", "50ms"});
  EXPECT_EQ(run.code, 9);
  EXPECT_NE(run.err.find("has not ended after 50ms (web-0-r42-1: fetching: writing /x: No space left on device); "),
            std::string::npos)
      << run.err;
}

TEST_F(Verbs, AJobThatIsThereAlreadyIsNotTakenForANewRun) {
  ApplyReply reply;
  reply.objects = {sample_reply().objects.front()};
  reply.objects.front().verb = ApplyVerb::kUnchanged;
  reply.operations = {sample_operation()};
  AppView app = sample_app();
  app.desired = 1;
  InstanceView ended = sample_instance(0);
  ended.status.phase = Phase::kExited;
  ended.status.last_exit = Exit{ExitKind::kExited, 5};
  controller.answer("POST /v1/deployments", 202, codec::to_json(reply));
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/instances", 200, instance_page({ended}));
  controller.answer("GET /v1/logs/web", 200, "web-0-r42-1 | 2026-11-22T10:00:00.000Z old\n");
  const RunResult run = unikctl({"deploy", kSampleImage, "--restart", "never", "--wait"});
  EXPECT_EQ(run.code, 5);
  EXPECT_NE(run.err.find("app/web is unchanged, so nothing runs anew: this is the run that it had; `unikctl destroy "
                         "web --wait` first runs it again\n"),
            std::string::npos)
      << run.err;
}

TEST_F(Verbs, LogsFollowsOverABrokenConnectionWithoutDoublingLines) {
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer(
      "GET /v1/logs/web",
      Answer{200, "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\nweb-1-r42-1 | 2026-11-22T10:00:00.001Z two\n", true});
  controller.answer("GET /v1/logs/web", 200,
                    "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\nweb-1-r42-1 | 2026-11-22T10:00:00.001Z two\n"
                    "web-0-r42-1 | 2026-11-22T10:00:05.000Z three\n");
  const RunResult run = unikctl({"logs", "web", "-f", "--tail", "10"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "web-0-r42-1 | one\nweb-1-r42-1 | two\nweb-0-r42-1 | three\n");
  const auto requests = controller.seen("GET /v1/logs/web");
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_NE(requests[0].target.find("tail=10"), std::string::npos);
  EXPECT_EQ(requests[1].target.find("tail="), std::string::npos);
  EXPECT_NE(requests[1].target.find("since=2026-11-22T10%3A00%3A00.000Z"), std::string::npos) << requests[1].target;
}

// A rollout makes two of one replica for a while.
TEST_F(Verbs, LogsNamesTheInstancesWhereThereAreSeveral) {
  AppView app = sample_app();
  app.desired = 1;
  controller.answer("GET /v1/apps/web", 200, codec::to_json(app));
  controller.answer("GET /v1/logs/web", 200, "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\n");
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0)}));
  EXPECT_EQ(unikctl({"logs", "web"}).out, "one\n");
  InstanceView next = sample_instance(0);
  next.id.rollout += 1;
  controller.forget("GET /v1/instances");
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0), next}));
  EXPECT_EQ(unikctl({"logs", "web"}).out, "web-0-r42-1 | one\n");
}

// One that takes connections up and never answers, as when its disk hangs.
TEST_F(Verbs, WaitingEndsInTimeWhateverTheControlPlaneDoes) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&place), size), 0);
  ASSERT_EQ(::listen(listener, 16), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&place), &size), 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(place.sin_port));
  const auto timeout = std::chrono::milliseconds(300);
  for (const std::vector<std::string>& verb : std::vector<std::vector<std::string>>{
           {"wait", "app/web", "--for", "deleted"}, {"rollout", "status", "web", "--wait"}}) {
    std::vector<std::string> words{"--url", url};
    words.insert(words.end(), verb.begin(), verb.end());
    words.insert(words.end(), {"--timeout", "300ms"});
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(unikctl(words).code, 9) << verb.front();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 20 * timeout) << verb.front();
  }
  ::close(listener);
}

// What is already true is seen, however little time there is, and what is not is told as it was last.
TEST_F(Verbs, WaitingLooksOnceMoreAtItsDeadline) {
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  EXPECT_EQ(unikctl({"wait", "operation/op-42-0", "--timeout", "1ms"}).code, 0);
  controller.forget("GET /v1/operations/op-42-0");
  ApplyReply reply;
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/destroy", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  const RunResult run = unikctl({"destroy", "web", "--wait", "--timeout", "50ms"});
  EXPECT_EQ(run.code, 9);
  EXPECT_NE(run.err.find("operation op-42-0 is running after"), std::string::npos) << run.err;
}

TEST_F(Verbs, VersionSaysWhatIsWrongWithTheControlPlane) {
  controller.answer("GET /v1/version", 503, codec::to_json(unavailable("restored", "not yet")));
  const RunResult run = unikctl({"version"});
  EXPECT_EQ(run.code, 7);
  EXPECT_EQ(run.out.find("not running"), std::string::npos) << run.out;
  EXPECT_NE(run.err.find("not yet"), std::string::npos) << run.err;
}

TEST_F(Verbs, LogsOfNobodyIsCodeThree) {
  EXPECT_EQ(unikctl({"logs", "nobody"}).code, 3);
  EXPECT_EQ(unikctl({"logs", "node/n1"}).code, 2);
  EXPECT_EQ(unikctl({"logs", "web", "--since", "yesterday"}).code, 2);
}

TEST_F(Verbs, StatusIsOneViewAndJsonIsComplete) {
  controller.answer("GET /v1/status", 200, codec::to_json(sample_status()));
  const RunResult table = unikctl({"status"});
  EXPECT_EQ(table.code, 0) << table.err;
  for (const char* part : {"Apps of tenant default", "web-1-r42-1", "op-42-0", "Nodes"})
    EXPECT_NE(table.out.find(part), std::string::npos) << part;
  const RunResult json = unikctl({"status", "-o", "json"});
  const auto read = codec::from_json<StatusView>(json.out);
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, sample_status());
}

TEST_F(Verbs, DestroyWaitsForEachOperation) {
  ApplyReply reply;
  AppliedObject gone;
  gone.name = "web";
  gone.verb = ApplyVerb::kDeleted;
  reply.objects = {gone};
  reply.operations = {sample_operation()};
  controller.answer("POST /v1/destroy", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kSucceeded));
  const RunResult async = unikctl({"destroy", "app/web", "api"});
  EXPECT_EQ(async.code, 0) << async.err;
  EXPECT_EQ(async.out, "app/web deleted\n");
  EXPECT_EQ(controller.seen().front().body, R"({"tenant":"default","names":["web","api"]})");
  EXPECT_TRUE(controller.seen("GET /v1/operations/op-42-0").empty());
  EXPECT_EQ(unikctl({"destroy", "web", "--wait"}).code, 0);
  EXPECT_EQ(controller.seen("GET /v1/operations/op-42-0").size(), 1u);
}

TEST_F(Verbs, DestroySaysWhatKeepsItFromGoingOn) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  reply.operations.front().kind = OperationKind::kDestroy;
  Operation waits = reply.operations.front();
  waits.state = OperationState::kPending;
  waits.message = "1 instance is stopping";
  waits.error = unavailable("node_silent", "1 instance is stopping on node n3, which is silent");
  controller.answer("POST /v1/destroy", 202, codec::to_json(reply));
  controller.answer("DELETE /v1/apps/web", 202, codec::to_json(reply));
  controller.answer("GET /v1/operations/op-42-0", 200, codec::to_json(waits));
  for (const auto& words : {std::vector<std::string>{"destroy", "web"}, {"delete", "app/web"}}) {
    std::vector<std::string> args = words;
    args.insert(args.end(), {"--wait", "--timeout", "80ms"});
    const RunResult run = unikctl(args);
    EXPECT_EQ(run.code, 9);
    EXPECT_EQ(
        run.err,
        "destroy of app/web waits: node_silent: 1 instance is stopping on node n3, which is silent\n"
        "error: timeout: operation op-42-0 is pending after 80ms (node_silent: 1 instance is stopping on node n3, "
        "which is silent); it goes on: unikctl wait operation/op-42-0; ask why: unikctl explain app/web\n");
  }
}

TEST_F(Verbs, DestroyOfAnAppThatIsBeingBuiltSaysWhatItEnded) {
  ApplyReply reply;
  reply.operations = {sample_operation()};
  Operation& build = reply.operations.front();
  build.kind = OperationKind::kBuild;
  build.state = OperationState::kFailed;
  build.error = conflict("destroyed", "the app was destroyed before the build was done: deploy it again");
  build.build.emplace();
  build.build->app = sample_app().app;
  controller.answer("POST /v1/destroy", 202, codec::to_json(reply));
  controller.answer("DELETE /v1/apps/web", 202, codec::to_json(reply));
  for (const auto& words :
       {std::vector<std::string>{"destroy", "web"}, {"destroy", "web", "--wait"}, {"delete", "app/web", "--wait"}}) {
    const RunResult run = unikctl(words);
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(run.err, "build of app/web ended: nothing is deployed of operation op-42-0\n");
  }
}

TEST_F(Verbs, DeleteRefusesWhatIsNotDeclared) {
  EXPECT_EQ(unikctl({"delete", "instance/web-0-r42-1"}).code, 2);
  controller.answer("DELETE /v1/nodes/n1", 409, codec::to_json(conflict("node_in_use", "n1 has 2 instances")));
  EXPECT_EQ(unikctl({"delete", "node", "n1"}).code, 4);
}

TEST_F(Verbs, WaitTellsReadyFailedDeletedAndLate) {
  const auto now = [&](int status, const std::string& body) {
    controller.forget("GET /v1/apps/web");
    controller.answer("GET /v1/apps/web", status, body);
  };
  AppView app = sample_app();
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app/web", "--timeout", "30ms"}).code, 9);
  app.phase = "ready";
  app.conditions = {{"Ready", "True", "Ready", ""}};
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app/web"}).code, 0);
  EXPECT_EQ(unikctl({"wait", "app/web", "--for", "condition=Ready"}).code, 0);
  EXPECT_EQ(unikctl({"wait", "app/web", "--for", "condition=ready=true"}).code, 0);
  app.phase = "failed";
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app", "web", "--for", "ready", "--timeout", "5s"}).code, 1);
  app.phase = "degraded";
  app.conditions = {{"Ready", "False", "Progressing", "1 of 2 ready"}, {"Rollout", "False", "Failed", "no progress"}};
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app/web", "--timeout", "5s"}).code, 1);
  app.conditions = {{"Ready", "True", "Ready", "2 of 2 ready"},
                    {"Rollout", "False", "RolledBack", "rollout 7 was given up: web-0-r7-1: crash_loop"}};
  now(200, codec::to_json(app));
  const RunResult rolled_back = unikctl({"wait", "app/web", "--timeout", "5s"});
  EXPECT_EQ(rolled_back.code, 1);
  EXPECT_EQ(rolled_back.err, "app/web failed: degraded, RolledBack: rollout 7 was given up: web-0-r7-1: crash_loop\n");
  app.phase = "paused";
  app.conditions = {{"Rollout", "False", "Paused", "by hand"}};
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app/web", "--timeout", "30ms"}).code, 9) << "it may be resumed";
  app.conditions = {{"Rollout", "False", "Failed", "web-0-r7-1: crash_loop"}};
  now(200, codec::to_json(app));
  EXPECT_EQ(unikctl({"wait", "app/web", "--timeout", "5s"}).code, 1) << "it was paused because it failed";
  now(404, codec::to_json(not_found("app_not_found", "there is no app `web`")));
  EXPECT_EQ(unikctl({"wait", "app/web", "--for", "deleted", "--timeout", "5s"}).code, 0);
  EXPECT_EQ(unikctl({"wait", "app/web"}).code, 3);
  EXPECT_EQ(unikctl({"wait", "app/web", "--for", "happy"}).code, 2);
}

TEST_F(Verbs, WaitSaysWhatHasNotComeTrue) {
  const auto error_of = [&](const std::vector<std::string>& words) {
    std::vector<std::string> args{"wait"};
    args.insert(args.end(), words.begin(), words.end());
    args.insert(args.end(), {"--timeout", "20ms"});
    const RunResult run = unikctl(args);
    EXPECT_EQ(run.code, 9);
    return run.err.substr(0, run.err.find(';'));
  };
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/nodes/local", 200, codec::to_json(sample_node()));
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  EXPECT_EQ(error_of({"app/web"}),
            "error: timeout: app/web is not ready after 20ms: progressing, Starting: 1 of 2 ready");
  EXPECT_EQ(error_of({"app/web", "--for", "deleted"}),
            "error: timeout: app/web is not deleted after 20ms: still there: progressing, Starting: 1 of 2 ready");
  EXPECT_EQ(error_of({"node/local", "--for", "condition=Drained"}),
            "error: timeout: node/local has not come to Drained=True after 20ms: no condition Drained");
  EXPECT_EQ(error_of({"operation/op-42-0"}),
            "error: timeout: operation/op-42-0 is not done after 20ms: running, 1 of 2 ready, starting");
}

TEST_F(Verbs, WaitTakesAJobsInstanceThatEndedWellForDone) {
  InstanceView ended = sample_instance(0);
  ended.status.phase = Phase::kExited;
  ended.status.reason = "completed";
  ended.status.last_exit = Exit{ExitKind::kExited, 0};
  controller.answer("GET /v1/instances/web-0-r42-1", 200, codec::to_json(ended));
  ended.status.last_exit = Exit{ExitKind::kExited, 3};
  controller.answer("GET /v1/instances/web-0-r42-1", 200, codec::to_json(ended));
  EXPECT_EQ(unikctl({"wait", "instance/web-0-r42-1"}).code, 0);
  EXPECT_EQ(unikctl({"wait", "instance/web-0-r42-1"}).code, 1);
}

TEST_F(Verbs, RolloutStatusEndsWithOneWhenItWasGivenUp) {
  struct Case {
    const char* phase;
    const char* reason;
    int code;
    int waited_code;
  };
  for (const Case& one : {Case{"done", "", 0, 0},
                          {"done", "crash_loop", 1, 1},
                          {"failed", "boot_time", 1, 1},
                          {"paused", "crash_loop", 1, 1},
                          {"paused", "paused", 0, 1}}) {
    RolloutView view;
    view.app = "web";
    view.phase = one.phase;
    view.reason = one.reason;
    controller.forget("GET /v1/rollouts/web");
    controller.answer("GET /v1/rollouts/web", 200, codec::to_json(view));
    EXPECT_EQ(unikctl({"rollout", "status", "web"}).code, one.code) << one.phase << one.reason;
    EXPECT_EQ(unikctl({"rollout", "status", "web", "--wait"}).code, one.waited_code) << one.phase << one.reason;
  }
}

TEST_F(Verbs, RolloutStatusOfAnAppThatIsBeingDeletedSaysSo) {
  RolloutView view;
  view.app = "web";
  view.phase = "deleting";
  view.reason = "deleting";
  view.message = "the app is being deleted";
  view.desired = 1;
  controller.answer("GET /v1/rollouts/web", 200, codec::to_json(view));
  const RunResult seen = unikctl({"rollout", "status", "web"});
  EXPECT_EQ(seen.code, 1);
  EXPECT_NE(seen.out.find("app/web: deleting"), std::string::npos) << seen.out;
  EXPECT_NE(seen.out.find("the app is being deleted"), std::string::npos) << seen.out;
  const RunResult waited = unikctl({"rollout", "status", "web", "--wait", "--timeout", "10s"});
  EXPECT_EQ(waited.code, 4);
  EXPECT_NE(waited.err.find("error: conflict: app `web` is being deleted"), std::string::npos) << waited.err;
  EXPECT_EQ(controller.seen("GET /v1/rollouts/web").size(), 2u) << "it is not waited for";
}

TEST_F(Verbs, EventsPrintsLinesAndSendsSince) {
  EventView event;
  event.seq = 43;
  event.at = at("2026-11-22T10:00:00Z");
  event.object = "app/web";
  event.reason = "created";
  controller.answer("GET /v1/version", 200, R"({"version":"0.1.0","cluster_id":"c-1","revision":43})");
  controller.answer("GET /v1/events", 200, "id: 43\ndata: " + codec::to_json(event) + "\n\n");
  const RunResult run = unikctl({"events", "--since", "42"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "2026-11-22T10:00:00.000Z  43  app/web  created\n");
  EXPECT_EQ(controller.seen("GET /v1/events").front().target, "/v1/events?follow=0&since=42");
}

TEST_F(Verbs, StreamsEndWhenStdoutTakesNoMore) {
  controller.answer("GET /v1/version", 200, R"({"version":"0.1.0","cluster_id":"c-1","revision":43})");
  EventView event;
  event.seq = 43;
  controller.answer("GET /v1/events", 200, "id: 43\ndata: " + codec::to_json(event) + "\n\n");
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  controller.answer("GET /v1/logs/web", Answer{200, "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\n", true});
  controller.answer("GET /v1/status", 200, codec::to_json(sample_status()));
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {"events", "-f"}, {"logs", "web", "-f"}, {"status", "--watch"}, {"--help"}, {"version"}}) {
    const RunResult run = run_unikctl_on_full_disk(controller, args);
    EXPECT_EQ(run.code, 7) << args.front();
    EXPECT_NE(run.err.find("error: unavailable: stdout cannot be written to\n"), std::string::npos) << run.err;
  }
}

TEST_F(Verbs, EventsSinceARecordThatIsNotThereIsAMistake) {
  controller.answer("GET /v1/version", 200, R"({"version":"0.1.0","cluster_id":"c-1","revision":41})");
  controller.answer("GET /v1/events", 200, "");
  EXPECT_EQ(unikctl({"events", "--since", "41"}).code, 0);
  const RunResult run = unikctl({"events", "--since", "42"});
  EXPECT_EQ(run.code, 2);
  EXPECT_NE(run.err.find("at most 41, the newest record, got 42"), std::string::npos) << run.err;
  EXPECT_EQ(controller.seen("GET /v1/events").size(), 1u);
}

TEST_F(Verbs, StatusOfATenantThatIsNotThereIsCodeThree) {
  controller.answer("GET /v1/status", 404, codec::to_json(not_found("tenant_not_found", "no tenant `nobody`")));
  EXPECT_EQ(unikctl({"status", "--tenant", "nobody"}).code, 3);
  EXPECT_EQ(unikctl({"status", "--tenant", "nobody", "--watch"}).code, 3);
}

TEST_F(Verbs, GetTakesSeveralKinds) {
  controller.answer("GET /v1/apps", 200, app_page());
  controller.answer("GET /v1/instances", 200, instance_page({sample_instance(0)}));
  EXPECT_EQ(unikctl({"get", "app,i", "-o", "name"}).out, "app/web\ninstance/web-0-r42-1\n");
  const RunResult table = unikctl({"get", "apps,instances"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("\n\nNAME"), std::string::npos) << table.out;
  EXPECT_EQ(unikctl({"get", "app,pod"}).code, 2);
  EXPECT_EQ(unikctl({"delete", "all"}).code, 2);
}

TEST_F(Verbs, ExplainReadsSchemasOfflineAndObjectsFromTheApi) {
  const RunResult schema = unikctl({"explain", "app.spec.replicas"});
  EXPECT_EQ(schema.code, 0) << schema.err;
  EXPECT_NE(schema.out.find("replicas"), std::string::npos);
  EXPECT_TRUE(controller.seen().empty());
  EXPECT_EQ(unikctl({"explain", "app.spec.replcas"}).code, 3);
  EXPECT_EQ(unikctl({"explain", "App.spec.ports[0].port"}).out, unikctl({"explain", "app.spec.ports.port"}).out);
  EXPECT_EQ(unikctl({"explain", "app.spec.rollout", "-o", "name"}).out, "App.spec.rollout\n");
  const RunResult json = unikctl({"explain", "app.spec.rollout", "-o", "json"});
  EXPECT_NE(json.out.find("\"path\": \"App.spec.rollout\""), std::string::npos) << json.out;
  EXPECT_NE(json.out.find("\"name\": \"strategy\""), std::string::npos) << json.out;
  controller.answer("GET /v1/explain/app/web", 200,
                    codec::to_json(Explanation{"app/web", "ready", {}, {"placed on local"}}));
  const RunResult object = unikctl({"explain", "app", "web"});
  EXPECT_EQ(object.code, 0) << object.err;
  EXPECT_EQ(object.out, "app/web: ready\n\nWhy:\n  1. placed on local\n");
  controller.answer("GET /v1/operations/op-42-0", 200, operation_json(OperationState::kRunning));
  const RunResult operation = unikctl({"explain", "operation/op-42-0"});
  EXPECT_EQ(operation.code, 0) << operation.err;
  EXPECT_NE(operation.out.find("is the deploy of app/web"), std::string::npos) << operation.out;
  TenantView tenant;
  tenant.tenant.metadata.name = "team-a";
  controller.answer("GET /v1/tenants/team-a", 200, codec::to_json(tenant));
  EXPECT_EQ(unikctl({"explain", "tenant", "team-a"}).code, 0);
  EXPECT_EQ(unikctl({"explain", "tenant", "nobody"}).code, 3);
}

TEST_F(Verbs, NodesAreCordonedByName) {
  controller.answer("POST /v1/nodes/n1/cordon", 200, codec::to_json(sample_reply()));
  controller.answer("POST /v1/nodes/n1/uncordon", 200, codec::to_json(sample_reply()));
  EXPECT_EQ(unikctl({"node", "cordon", "n1"}).code, 0);
  EXPECT_EQ(unikctl({"node", "uncordon", "node/n1"}).code, 0);
  EXPECT_EQ(controller.seen().size(), 2u);
}

TEST_F(Verbs, ADrainsDeadlineHasOneBoundHoweverFarItIsBeyond) {
  for (const std::string deadline : {"25h", "9999999999h"}) {
    const RunResult run = unikctl({"node", "drain", "n1", "--deadline", deadline});
    EXPECT_EQ(run.code, 2);
    EXPECT_NE(run.err.find("want a duration of at most 24h, got `" + deadline + "`"), std::string::npos) << run.err;
  }
  controller.answer("POST /v1/nodes/n1/drain", 200, codec::to_json(sample_reply()));
  EXPECT_EQ(unikctl({"node", "drain", "n1", "--deadline", "24h"}).code, 0);
}

TEST_F(Verbs, SeveralNodesAreCordonedBeforeTheFirstIsDrained) {
  NodeView drained;
  drained.health = "ready";
  drained.conditions = {{"Drained", "True", "Empty", ""}};
  for (const std::string name : {"n1", "n2"}) {
    drained.node.metadata.name = name;
    controller.answer("GET /v1/nodes/" + name, 200, codec::to_json(drained));
    controller.answer("POST /v1/nodes/" + name + "/cordon", 200, codec::to_json(sample_reply()));
    controller.answer("POST /v1/nodes/" + name + "/drain", 200, codec::to_json(sample_reply()));
  }
  EXPECT_EQ(unikctl({"node", "drain", "n1", "n9"}).code, 3);
  EXPECT_TRUE(controller.seen("POST /v1/nodes/n1/drain").empty());
  EXPECT_TRUE(controller.seen("POST /v1/nodes/n1/cordon").empty());
  const std::size_t before = controller.seen().size();
  EXPECT_EQ(unikctl({"node", "drain", "n1", "node/n2", "--wait"}).code, 0);
  std::vector<std::string> posted;
  for (const SeenRequest& request : controller.seen())
    if (request.method == "POST") posted.push_back(request.target.substr(0, request.target.find('?')));
  EXPECT_GT(controller.seen().size(), before);
  EXPECT_EQ(posted, (std::vector<std::string>{"/v1/nodes/n1/cordon", "/v1/nodes/n2/cordon", "/v1/nodes/n1/drain",
                                              "/v1/nodes/n2/drain"}));
}

TEST_F(Verbs, AManifestOfAnotherTenantIsRefusedWhereOneWasChosen) {
  write("web.yaml",
        "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web, tenant: team-a}\nspec: {image: w@sha256:" +
            std::string(64, 'a') + "}\n");
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  const RunResult refused = unikctl({"apply", "-f", "web.yaml", "--tenant", "team-b"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("web.yaml:3:31: metadata.tenant: want team-b, got team-a"), std::string::npos)
      << refused.err;
  EXPECT_TRUE(controller.seen("POST /v1/apply").empty());
  EXPECT_EQ(unikctl({"apply", "-f", "web.yaml", "--tenant", "team-a"}).code, 0);
  EXPECT_EQ(unikctl({"apply", "-f", "web.yaml"}).code, 0);
}

TEST_F(Verbs, AnotherTenantThanTheChosenOneIsNeitherShownNorChanged) {
  write("b.yaml", "apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: team-b}\n");
  for (const char* const verb : {"apply", "diff"}) {
    for (const char* const chosen : {"team-a", "default"}) {
      const RunResult refused = unikctl({verb, "-f", "b.yaml", "--tenant", chosen});
      EXPECT_EQ(refused.code, 2) << refused.err;
      EXPECT_NE(refused.err.find("b.yaml:3:18: metadata.name: want " + std::string(chosen) + ", got team-b"),
                std::string::npos)
          << refused.err;
    }
  }
  EXPECT_TRUE(controller.seen().empty());
  controller.answer("POST /v1/apply", 200, codec::to_json(ApplyReply{}));
  EXPECT_EQ(unikctl({"apply", "-f", "b.yaml", "--tenant", "team-b"}).code, 0);
  EXPECT_EQ(unikctl({"apply", "-f", "b.yaml"}).code, 0) << "nobody was chosen";
}

TEST_F(Verbs, DeletionsSayWhichTenantWasChosen) {
  controller.answer("DELETE /v1/nodes/n1", 200, codec::to_json(ApplyReply{}));
  unikctl({"delete", "node", "n1"});
  unikctl({"delete", "node", "n1", "--tenant", "team-b"});
  EXPECT_EQ(controller.seen("DELETE /v1/nodes/n1")[0].target, "/v1/nodes/n1");
  EXPECT_EQ(controller.seen("DELETE /v1/nodes/n1")[1].target, "/v1/nodes/n1?tenant=team-b");
}

TEST_F(Verbs, QuestionsAboutWhatIsInNoTenantSayWhichOneWasChosen) {
  controller.answer("GET /v1/tenants", 200, R"({"items":[],"revision":1})");
  controller.answer("GET /v1/operations/op-1-0", 200, operation_json(OperationState::kRunning));
  unikctl({"get", "tenants"});
  unikctl({"get", "tenants", "--tenant", "team-b"});
  EXPECT_EQ(controller.seen("GET /v1/tenants")[0].target, "/v1/tenants");
  EXPECT_EQ(controller.seen("GET /v1/tenants")[1].target, "/v1/tenants?tenant=team-b");
  unikctl({"get", "operation", "op-1-0", "--tenant", "team-b"});
  EXPECT_EQ(controller.seen("GET /v1/operations/op-1-0").front().target, "/v1/operations/op-1-0?tenant=team-b");
}

TEST_F(Verbs, AForesightSaysWhoseInstancesGoWhereAndWhy) {
  ApplyReply reply = sample_reply();
  reply.dry_run = true;
  reply.placements = {{"team-a", "web-0-r1-1", "n1", "placed", "the only node that fits"},
                      {"team-b", "web-0-r1-1", "", "no_eligible_node", "0 of 1 nodes fit"}};
  reply.notes = {"node n9 is taken to be as n1"};
  controller.answer("POST /v1/apply", 200, codec::to_json(reply));
  controller.answer("POST /v1/whatif", 200, codec::to_json(reply));
  const std::string foreseen =
      "  team-a/web-0-r1-1 -> n1: the only node that fits\n"
      "  team-b/web-0-r1-1 stays pending: no_eligible_node: 0 of 1 nodes fit\n"
      "  node n9 is taken to be as n1\n";
  EXPECT_EQ(unikctl({"whatif", "--lose", "n1"}).out, foreseen);
  write("web.yaml", kManifest);
  const RunResult dry_run = unikctl({"apply", "-f", "web.yaml", "--dry-run"});
  EXPECT_TRUE(dry_run.out.ends_with("(dry run)\n" + foreseen)) << dry_run.out;
}

TEST_F(Verbs, NamesForCompletionComeFromTheApi) {
  controller.answer("GET /v1/apps", 200, app_page());
  EXPECT_EQ(unikctl({"__names", "app"}).out, "web\n");
}

TEST_F(Verbs, VersionTellsBothSides) {
  controller.answer("GET /v1/version", 200, R"({"version":"0.1.0","cluster_id":"c-1","revision":3})");
  const RunResult run = unikctl({"version"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("cluster c-1"), std::string::npos) << run.out;
  EXPECT_EQ(unikctl({"version", "-o", "name"}).out.find("unikctl"), std::string::npos);
  EXPECT_EQ(unikctl({"--version"}).out, "unikctl " + unikctl({"version", "-o", "name"}).out);
  EXPECT_NE(unikctl({"version", "-o", "json"}).out.find("\"server\": {"), std::string::npos);
}

TEST_F(Verbs, HelpPrintsWhatTheFlagDoes) {
  const RunResult run = unikctl({"help", "deploy"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, unikctl({"deploy", "--help"}).out);
  EXPECT_EQ(unikctl({"help"}).out, unikctl({"--help"}).out);
  EXPECT_EQ(unikctl({"help", "nothing"}).code, 2);
}

TEST_F(Verbs, UpAndDownAreForTheLocalControlPlaneOnly) {
  EXPECT_EQ(unikctl({"up"}).code, 2);
  EXPECT_EQ(unikctl({"down"}).code, 2);
}

TEST_F(Verbs, DeployOfNothingSaysWhatIsTaken) {
  const RunResult run = unikctl({"deploy", "no-such-thing"});
  EXPECT_EQ(run.code, 3);
  EXPECT_NE(run.err.find("want a directory, a script, a program, a kernel"), std::string::npos) << run.err;
}

TEST_F(Verbs, DeployOfARootThatIsNotThereSaysWhatRootfsTakes) {
  const RunResult run = unikctl({"deploy", "--rootfs", "no-such-root", "--", "/bin/app"});
  EXPECT_EQ(run.code, 3);
  EXPECT_NE(run.err.find("--rootfs no-such-root: want a directory, or a tar, cpio or erofs image"), std::string::npos)
      << run.err;
}

}  // namespace
}  // namespace unik::cli
