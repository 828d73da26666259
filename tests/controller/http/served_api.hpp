// The API over a real server and a real loop whose builder never ends: on a unix socket, and on a loopback port.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/http/api.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "tests/api-schemas/wire/wire_fixture.hpp"
#include "wire/http_client.hpp"

namespace unik::controller {

class ServedApi : public ::testing::Test {
 protected:
  ServedApi() {
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
  }
  ~ServedApi() override {
    history_->end();
    server_->stop(Duration::zero());
    runner_->stop();
  }

  // The reason of a refusal, the kind of the operation that was answered, or the body.
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

  static std::string config_of(std::vector<std::string> entrypoint) {
    runtimes::ImageConfig config;
    config.entrypoint = std::move(entrypoint);
    return runtimes::print_image_config(config);
  }

  // An image as one is uploaded, but for `left_out`: `config` or `layer`.
  runtimes::Digest put_image(const std::string& left_out = "", std::vector<std::string> entrypoint = {"/app"}) const {
    const auto put = [&](const std::string& part, std::string_view bytes, std::string_view type) {
      if (part != left_out) EXPECT_TRUE(context_->artifacts.put(bytes));
      return runtimes::Descriptor{
          std::string(type), runtimes::sha256(bytes), static_cast<std::int64_t>(bytes.size()), {}};
    };
    runtimes::Manifest manifest;
    manifest.config = put("config", config_of(std::move(entrypoint)), runtimes::kConfigMediaType);
    manifest.layers = {put("layer", "a layer", runtimes::kLayerTarMediaType)};
    return context_->artifacts.put(runtimes::print_manifest(manifest))->digest;
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
};

}  // namespace unik::controller
