// The table of routes and openapi.yaml describe the same API.

#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>

#include "controller/http/api.hpp"

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

TEST(Routes, AreThoseOfTheDescription) {
  std::set<std::string> described;
  const YAML::Node document = YAML::LoadFile(std::string(UNIK_SOURCE_DIR) + "/api-schemas/schemas/openapi.yaml");
  for (const auto& path : document["paths"])
    for (const auto& method : path.second) {
      std::string name = method.first.as<std::string>();
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
      described.insert(name + " " + path.first.as<std::string>());
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
    ApiContext context{runner, logs, events, history, metrics, *artifacts, "test"};

    std::set<std::string> served;
    for (const Route& route : api_routes(context))
      EXPECT_TRUE(served.insert(route.method + " " + route.pattern).second)
          << route.method << " " << route.pattern << " twice";
    EXPECT_EQ(served, described);
  }
  fs::remove_all(home);
}

}  // namespace
}  // namespace unik::controller
