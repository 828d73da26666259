// POST /v1/deployments of a source, over a real server and a real loop whose builder never ends.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "controller/http/api.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "tests/api-schemas/wire/wire_fixture.hpp"
#include "wire/http_client.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

class DeploySource : public ::testing::Test {
 protected:
  DeploySource() {
    const std::string database = directory_ / "controller.db";
    Store store = std::move(Store::open(database)).value();
    EXPECT_EQ(store.commit(first_record("cluster", {})).outcome, CommitOutcome::kCommitted);
    World world = std::move(store.load()).value();
    runner_.emplace(database, std::move(store), std::move(world), LoopOptions{});
    events_.emplace(std::move(JournalReader::open(database)).value(), 1);
    history_.emplace(std::move(History::open(database)).value());
    context_.emplace(ApiContext{*runner_, relay_, *events_, *history_, metrics_,
                                std::move(runtimes::BlobStore::open(directory_ / "artifacts")).value(), "test", logs_,
                                std::nullopt});
    router_.emplace(api_routes(*context_));
    RunnerSinks sinks;
    sinks.published = [](const PublishWorld&) {};
    sinks.turned = [](Duration, std::size_t) {};
    sinks.begin_build = [](const BeginBuild&) {};
    sinks.end_build = [](const EndBuild&) {};
    runner_->start(std::move(sinks));
    wire::ServerOptions options;
    options.listen.push_back({*wire::parse_endpoint("unix://" + (directory_ / "s")), true});
    options.listen.push_back({*wire::parse_endpoint("http://127.0.0.1:0"), true});
    options.body_policy = [this](std::string_view method, std::string_view target) {
      return router_->body_policy(method, target);
    };
    server_.emplace(std::move(wire::HttpServer::start(std::move(options), [this](wire::HttpRequest request,
                                                                                 wire::Responder responder) {
                      router_->handle(std::move(request), std::move(responder));
                    })).value());
    source_ = context_->artifacts.put("a bundle")->digest;
  }
  ~DeploySource() override {
    history_->end();
    server_->stop(Duration::zero());
    runner_->stop();
  }

  // The reason of a refusal, or the kind of the operation that was answered.
  std::string deploy(const std::string& source, std::size_t endpoint = 0, const std::string& rest = "",
                     const std::string& key = "") {
    return post(
        "/v1/deployments",
        "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n  source: " + source + "\n" + rest,
        endpoint, key);
  }
  std::string post(const std::string& target, const std::string& body, std::size_t endpoint = 0,
                   const std::string& key = "") {
    wire::ClientRequest request;
    if (!key.empty()) request.headers.set("Idempotency-Key", key);
    request.method = "POST";
    request.endpoint = server_->endpoints()[endpoint];
    request.target = target;
    request.body = body;
    const auto response = wire::fetch(request);
    if (!response) return to_string(response.error());
    if (!response->ok()) return wire::error_of(*response).reason;
    for (const char* const kind : {"build", "deploy"})
      if (response->body.find("\"kind\":\"" + std::string(kind) + "\"") != std::string::npos) return kind;
    return response->body;
  }

  wire::TempDir directory_;
  std::optional<Runner> runner_;
  LogRelay relay_{[](Event) {}};
  std::optional<EventFeed> events_;
  std::optional<HistoryDesk> history_;
  Metrics metrics_;
  BuildLogs logs_{directory_ / "builds"};
  std::optional<ApiContext> context_;
  std::optional<Router> router_;
  std::optional<wire::HttpServer> server_;
  runtimes::Digest source_;
};

TEST_F(DeploySource, ThatWasUploadedBecomesABuild) {
  EXPECT_EQ(deploy(to_string(source_)), "build");
  EXPECT_EQ(runner_->world()->unfinished_builds.size(), 1U);
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
  const runtimes::Digest image = context_->artifacts.put("stands for a manifest")->digest;
  runner_->post(BuildEnded{key, {to_string(runtimes::Reference{"web", image}), std::nullopt}});
  while (!runner_->world()->unfinished_builds.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(deploy(to_string(source_), 0, "  replicas: 2\n"), "deploy");
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
