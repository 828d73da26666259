// The table of routes and openapi.yaml describe the same API.

#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "controller/http/api.hpp"
#include "controller/http/browser.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

QueryRule rule_of(const YAML::Node& schema) {
  const std::string type = schema["type"].as<std::string>();
  if (type == "integer") return QueryRule::kNumber;
  if (schema["enum"].IsDefined()) return QueryRule::kFlag;
  return schema["$ref"].IsDefined() || schema["maxLength"].IsDefined() ? QueryRule::kName : QueryRule::kText;
}

QueryRules query_in(const YAML::Node& document, const YAML::Node& operation) {
  QueryRules rules;
  for (YAML::Node parameter : operation["parameters"]) {
    constexpr std::string_view kShared = "#/components/parameters/";
    if (parameter["$ref"].IsDefined())
      parameter.reset(document["components"]["parameters"][parameter["$ref"].as<std::string>().substr(kShared.size())]);
    if (parameter["in"].as<std::string>() == "query")
      rules.emplace(parameter["name"].as<std::string>(), rule_of(parameter["schema"]));
  }
  return rules;
}

TEST(Routes, AreThoseOfTheDescription) {
  std::map<std::string, QueryRules> described;
  std::set<std::string> with_a_body;
  const YAML::Node document = YAML::LoadFile(std::string(UNIK_SOURCE_DIR) + "/api-schemas/schemas/openapi.yaml");
  for (const auto& path : document["paths"])
    for (const auto& method : path.second) {
      std::string name = method.first.as<std::string>();
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
      name += " " + path.first.as<std::string>();
      described.emplace(name, query_in(document, method.second));
      if (method.second["requestBody"].IsDefined()) with_a_body.insert(name);
    }

  const fs::path home = fs::path(::testing::TempDir()) / ("routes-" + std::to_string(::getpid()));
  fs::create_directories(home);
  const std::string database = home / "controller.db";
  {
    Result<Store> store = Store::open(database);
    ASSERT_TRUE(store.ok());
    ASSERT_EQ(store->commit(first_record("cluster", {})).outcome, CommitOutcome::kCommitted);
    World world = *store->load();
    Runner runner(database, std::move(*store), std::move(world), {});
    LogRelay logs([](Event) {});
    Result<JournalReader> reader = JournalReader::open(database);
    ASSERT_TRUE(reader.ok());
    EventFeed events(std::move(*reader), 1);
    Result<History> past = History::open(database);
    ASSERT_TRUE(past.ok());
    HistoryDesk history(std::move(*past));
    Metrics metrics;
    Result<runtimes::BlobStore> artifacts = runtimes::BlobStore::open(home / "artifacts");
    ASSERT_TRUE(artifacts.ok());
    BuildLogs build_logs("/nowhere");
    ApiContext context{runner, logs, events, history, metrics, *artifacts, "test", build_logs, std::nullopt};

    std::map<std::string, QueryRules> served;
    for (const Route& route : api_routes(context)) {
      const std::string name = route.method + " " + route.pattern;
      EXPECT_TRUE(served.emplace(name, route.query).second) << name << " twice";
      EXPECT_EQ(route.takes_body, with_a_body.contains(name)) << name;
    }
    EXPECT_EQ(served, described);
  }
  fs::remove_all(home);
}

TEST(Routes, AnswerHeadAsGetWhereItHasNoRouteOfItsOwn) {
  const auto route = [](const char* method, const char* pattern, bool streams = false) {
    return Route{method, pattern, {}, {}, {}, streams};
  };
  const Router router({route("GET", "/v1/apps/{name}"), route("DELETE", "/v1/apps/{name}"),
                       route("GET", "/v1/blobs/{digest}"), route("HEAD", "/v1/blobs/{digest}"),
                       route("POST", "/v1/apply"), route("GET", "/v1/events", true)});
  ASSERT_NE(router.find("HEAD", "/v1/apps/web"), nullptr);
  EXPECT_EQ(router.find("HEAD", "/v1/apps/web")->method, "GET");
  EXPECT_EQ(router.find("HEAD", "/v1/blobs/abc")->method, "HEAD");
  EXPECT_EQ(router.find("HEAD", "/v1/apply"), nullptr);
  EXPECT_EQ(router.find("HEAD", "/v1/events"), nullptr) << "nobody would read it";
  EXPECT_EQ(router.find("PUT", "/v1/apps/web"), nullptr);
}

TEST(Routes, RefuseParametersThatTheyDoNotUnderstand) {
  Route route;
  route.query = {{"tenant", QueryRule::kName}, {"dry_run", QueryRule::kFlag}, {"tail", QueryRule::kNumber}};
  const auto ask = [&](std::map<std::string, std::string> query) {
    wire::HttpRequest request;
    request.path = "/v1/apply";
    request.query = {query.begin(), query.end()};
    const Result<void> checked = check_query(route, request);
    return checked ? std::string() : to_string(checked.error());
  };
  EXPECT_EQ(ask({}), "");
  EXPECT_EQ(ask({{"tenant", "team-a"}, {"dry_run", "1"}, {"tail", "0"}}), "");
  EXPECT_EQ(ask({{"dry-run", "1"}}), "invalid: /v1/apply has no parameter `dry-run`: it takes dry_run, tail, tenant");
  EXPECT_EQ(ask({{"dry_run", "true"}}), "invalid: want 0 or 1 as `dry_run`, got `true`");
  EXPECT_EQ(ask({{"tail", "-1"}}), "invalid: want a whole number as `tail`, got `-1`");
  EXPECT_EQ(ask({{"tenant", "../.."}}),
            "invalid: want a name of 1 to 63 characters a-z, 0-9 and `-` as `tenant`, got `../..`");
}

TEST(Routes, RefuseABodyThatTheyWouldNotRead) {
  Route route;
  wire::HttpRequest request;
  request.method = "POST";
  request.path = "/v1/nodes/n1/drain";
  EXPECT_TRUE(check_body(route, request));
  request.body = "{}";
  EXPECT_TRUE(check_body(route, request));
  request.body = R"({"deadline":"1s"})";
  EXPECT_EQ(to_string(check_body(route, request).error()),
            "invalid: POST /v1/nodes/n1/drain takes no body, got 17 bytes: what it can be told stands in the query");
  route.takes_body = true;
  EXPECT_TRUE(check_body(route, request));
}

TEST(Browser, PagesOfOthersDoNotReachTheApi) {
  const auto reason_of = [](const char* host, const char* origin, bool over_unix = false) {
    wire::HttpRequest request;
    if (*host != '\0') request.headers.add("Host", host);
    if (*origin != '\0') request.headers.add("Origin", origin);
    if (over_unix) request.peer.uid = 0;
    const Result<void> checked = check_browser(request);
    return checked ? std::string() : checked.error().reason;
  };
  for (const char* host : {"127.0.0.1:7070", "localhost:7070", "[::1]:7070", "127.1.2.3", ""})
    EXPECT_EQ(reason_of(host, ""), "") << host;
  for (const char* host :
       {"evil.example:7070", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:7070", "?"})
    EXPECT_EQ(reason_of(host, ""), "foreign_host") << host;
  EXPECT_EQ(reason_of("evil.example", "", true), "") << "a unix socket has no name";
  EXPECT_EQ(reason_of("127.0.0.1:7070", "http://127.0.0.1:7070"), "cross_origin");
  EXPECT_EQ(reason_of("localhost", "null", true), "cross_origin") << "a proxy may have brought it";
}

}  // namespace
}  // namespace unik::controller
