// Placement where one plan does not show it: in large fleets, when room comes later, and what is told of it meanwhile.
#include <gtest/gtest.h>

#include "controller/core/explain.hpp"
#include "controller/core/status.hpp"
#include "tests/controller/core/simulated_fleet.hpp"

namespace unik::controller {
namespace {

using std::chrono::minutes;
using Fate = SimulatedFleet::Fate;

const AppName kWeb{Symbol("default"), Symbol("web")};

App web(std::uint32_t replicas, Bytes memory = mebibytes(256)) {
  App app = SimulatedFleet::app("web", replicas);
  app.spec.boot.resources.memory = memory;
  return app;
}

Node node_of(const SimulatedFleet& fleet, const std::string& name) {
  return *fleet.world().nodes.find(Symbol(name))->node;
}

Node cordoned(const SimulatedFleet& fleet, const std::string& name) {
  Node node = node_of(fleet, name);
  node.spec.schedulable = false;
  return node;
}

Tenant with_quota(const SimulatedFleet& fleet, std::uint32_t instances) {
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.quota.instances = instances;
  return tenant;
}

std::string reasons_of(const SimulatedFleet& fleet) {
  std::string text;
  const std::optional<Explanation> why = explain_app(fleet.world(), kWeb);
  for (const std::string& reason : why->reasons) text += reason + "\n";
  return text;
}

TEST(Packing, FillsTheSameNodesForAllAppsOfALargeFleet) {
  SimulatedFleet fleet(600);
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.placement = PlacementStrategy::kBinPack;
  std::vector<Resource> resources{tenant};
  for (int i = 0; i < 12; ++i) resources.push_back(SimulatedFleet::app("app" + std::to_string(i), 1));
  ASSERT_TRUE(fleet.apply(std::move(resources)));
  fleet.settle();
  std::size_t used = 0;
  for (const auto& [name, load] : fleet.world().loads) used += load.instances > 0 ? 1 : 0;
  EXPECT_EQ(used, 2U) << "a node has room for eight";
}

TEST(NearestMiss, IsFoundAmongAllNodesOfALargeFleet) {
  SimulatedFleet fleet(1000);
  Node near = node_of(fleet, "n777");
  near.metadata.labels["disk"] = "fast";
  App app = web(1, mebibytes(8192));
  app.spec.placement.node_selector = {{"disk", "fast"}};
  ASSERT_TRUE(fleet.apply({near, app}));
  fleet.settle();
  const std::string message = view_app(fleet.world(), kWeb, fleet.row("web")).conditions[0].message;
  EXPECT_NE(message.find("0 of 1000 nodes fit: n777: memory is 4Gi short; n1: label disk"), std::string::npos)
      << message;
}

// Nothing but what moved is planned here: an uncordoned node and a raised quota.
TEST(WhatCannotBeStarted, MovesAsSoonAsAnotherNodeHasRoomAlsoUnderALoweredQuota) {
  SimulatedFleet fleet(2);
  fleet.fate = [](const InstanceId& id, const BootSpec&) {
    return id.attempt == 1 ? Fate::kCannotStart : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({cordoned(fleet, "n2"), web(2)}));
  fleet.settle();
  ASSERT_EQ(fleet.on_node("n1").size(), 2U);
  ASSERT_TRUE(fleet.apply({with_quota(fleet, 1)}));
  ASSERT_TRUE(fleet.uncordon("n2"));
  EXPECT_EQ(fleet.on_node("n2"),
            (std::set<std::string>{short_name({kWeb.tenant, kWeb.app, 0, fleet.row("web").rollout, 2}),
                                   short_name({kWeb.tenant, kWeb.app, 1, fleet.row("web").rollout, 2})}));
  fleet.settle();
  EXPECT_EQ(fleet.serving_slots("web"), 2U);
}

TEST(Explain, NamesTheNodesWhereADrainIsBlockedAlsoUnderALoweredQuota) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({cordoned(fleet, "n2"), web(2)}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({with_quota(fleet, 1)}));
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  const std::string reasons = reasons_of(fleet);
  EXPECT_NE(reasons.find("no room on n2: it is cordoned"), std::string::npos) << reasons;
  EXPECT_EQ(reasons.find("quota"), std::string::npos) << reasons;
}

TEST(Explain, TellsWhyAnInstanceWaitsAsItIsNow) {
  SimulatedFleet fleet(1);
  ASSERT_TRUE(fleet.apply({web(1, mebibytes(8192))}));
  fleet.settle();
  const auto ready = [&] { return view_app(fleet.world(), kWeb, fleet.row("web")).conditions[0].message; };
  EXPECT_NE(ready().find("n1: memory is 4Gi short"), std::string::npos) << ready();
  const std::uint64_t before = fleet.world().revision;
  ASSERT_TRUE(fleet.apply({cordoned(fleet, "n1")}));
  fleet.settle();
  EXPECT_EQ(fleet.world().revision, before + 1) << "what is told moves, and nothing is written";
  EXPECT_NE(ready().find("n1: it is cordoned"), std::string::npos) << ready();
  const auto& [id, row] = *fleet.world().instances.begin();
  EXPECT_NE(view_instance(fleet.world(), id, row).status.message.str().find("cordoned"), std::string::npos);
  EXPECT_NE(view_status(fleet.world(), "default").instances[0].status.message.str().find("cordoned"),
            std::string::npos);
  const std::optional<Explanation> why = explain_instance(fleet.world(), id);
  EXPECT_NE(why->summary.find("n1: it is cordoned"), std::string::npos) << why->summary;
}

TEST(Explain, SaysThatTheNodeOfAnInstanceIsLost) {
  SimulatedFleet fleet(3);
  App app = web(1);
  app.spec.disconnect.replace = false;
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(minutes(10));
  const std::string reasons = reasons_of(fleet);
  EXPECT_NE(reasons.find("its node is lost, and its app waits for it"), std::string::npos) << reasons;
  const auto& [id, row] = *fleet.world().instances.begin();
  EXPECT_EQ(explain_instance(fleet.world(), id)->reasons.back(), "node n1 is lost: this is what it said last");
}

}  // namespace
}  // namespace unik::controller
