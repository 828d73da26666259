// POST /v1/deployments of a source.
#include <string>
#include <thread>

#include "tests/controller/http/served_api.hpp"

namespace unik::controller {
namespace {

class DeploySource : public ServedApi {
 protected:
  std::string deploy(const std::string& source, std::size_t endpoint = 0, const std::string& rest = "",
                     const std::string& key = "", const std::string& query = "") {
    return post(
        "/v1/deployments" + query,
        "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n  source: " + source + "\n" + rest,
        endpoint, key);
  }

  const runtimes::Digest source_ = context_->artifacts.put("a bundle")->digest;
};

TEST_F(DeploySource, ThatWasUploadedBecomesABuild) {
  EXPECT_EQ(deploy(to_string(source_)), "build");
  EXPECT_EQ(runner_->world()->unfinished_builds.size(), 1U);
}

TEST_F(DeploySource, IsBuiltOnTheRuntimeThatTheQueryOrTheManifestNames) {
  const auto built_on = [&](const std::string& rest, const std::string& query) {
    EXPECT_EQ(deploy(to_string(source_), 0, rest, "", query), "build");
    const auto world = runner_->world();
    const BuildOrder& order = *(*world->operations.find(world->unfinished_builds.begin()->first))->build;
    EXPECT_EQ(order.app.spec.runtime, "") << "no manifest has it beside an image";
    return order.runtime;
  };
  EXPECT_EQ(built_on("", ""), "");
  EXPECT_EQ(built_on("  runtime: python@1.2.0\n", ""), "python@1.2.0");
  EXPECT_EQ(built_on("", "?runtime=python"), "python");
  EXPECT_EQ(built_on("  runtime: nodejs\n", "?runtime=nodejs"), "nodejs");
  EXPECT_EQ(deploy(to_string(source_), 0, "  runtime: python\n", "", "?runtime=nodejs"), "bad_query");
}

TEST_F(DeploySource, IsRefusedWhereNothingMayBeBuilt) {
  context_->no_builds = unavailable("no_builder", "want unikctl");
  EXPECT_EQ(deploy(to_string(source_)), "no_builder");
}

TEST_F(DeploySource, OverTcpIsRefused) {
  EXPECT_EQ(deploy(to_string(source_), 1), "builds_need_socket");
}

TEST_F(DeploySource, ThatNobodyHasUploadedIsUnknown) {
  EXPECT_EQ(deploy("sha256:" + std::string(64, '0')), "source_unknown");
}

TEST_F(DeploySource, AsADirectoryIsForTheCommandLine) {
  EXPECT_EQ(deploy("./app"), "invalid_spec");
}

TEST_F(DeploySource, IsRefusedByATenantOfSignedImages) {
  const std::string key = "RWQBAgMEBQYHAYqI491wygq9oJpIopRVr7OlBjpWgRyVzf//HIRQb09c";
  const std::string applied = post("/v1/apply",
                                   "apiVersion: unikctl.dev/v1\nkind: Tenant\nmetadata: {name: default}\n"
                                   "spec: {requireSignatures: {keys: [" +
                                       key + "]}}\n");
  ASSERT_TRUE(applied.starts_with("{")) << applied;
  while ((*runner_->world()->tenants.find(Symbol("default"))).tenant->spec.require_signatures.keys.empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(deploy(to_string(source_)), "unsigned_build");
}

TEST_F(DeploySource, ThatWasBuiltBeforeIsDeployedAtOnceWhileItsImageIsThere) {
  ASSERT_EQ(deploy(to_string(source_)), "build");
  const OperationKey key = runner_->world()->unfinished_builds.begin()->first;
  const runtimes::Digest image = put_image();
  runner_->post(BuildEnded{key, {to_string(runtimes::Reference{"web", image}), std::nullopt}});
  while (!runner_->world()->unfinished_builds.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(deploy(to_string(source_), 0, "  replicas: 2\n"), "deploy");
  EXPECT_EQ(deploy(to_string(context_->artifacts.put("a newer bundle")->digest)), "build");
  EXPECT_EQ(deploy(to_string(source_), 0, "  replicas: 2\n"), "deploy");
  EXPECT_TRUE(runner_->world()->unfinished_builds.empty()) << "the newer one is superseded";
  ASSERT_TRUE(context_->artifacts.remove(image));
  EXPECT_EQ(deploy(to_string(source_), 0, "  replicas: 3\n"), "build");
}

TEST_F(DeploySource, RepeatedGetsItsFirstAnswerThoughTheSourceIsGone) {
  ASSERT_EQ(deploy(to_string(source_), 0, "", "k"), "build");
  ASSERT_TRUE(context_->artifacts.remove(source_));
  EXPECT_EQ(deploy(to_string(source_), 0, "", "k"), "build");
  EXPECT_EQ(deploy(to_string(source_), 0, "  replicas: 2\n", "k"), "idempotency_key_reused");
  EXPECT_EQ(deploy(to_string(source_), 0, "", "l"), "source_unknown");
  EXPECT_EQ(runner_->world()->unfinished_builds.size(), 1U);
}

}  // namespace
}  // namespace unik::controller
