// Which keys a tenant trusts reaches the goals of what runs there, and replaces nothing.
#include <gtest/gtest.h>

#include "controller/core/goals.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

class RequireSignaturesTest : public testing::Test {
 protected:
  void SetUp() override {
    world.add_node("n1");
    world.add_node("n2");
    world.deploy(PlannedWorld::app("web"));
    world.report_all();
    node = world.row(world.instances("web").front()).node;
  }

  Plan trust(std::vector<std::string> keys, const std::string& name = "default") {
    return world.step([&](Draft& draft) {
      Tenant tenant;
      tenant.metadata.name = name;
      tenant.spec.require_signatures.keys = std::move(keys);
      EXPECT_TRUE(admit_apply(draft, {{tenant}, false, "trace", ""}).ok());
    });
  }
  std::uint64_t revision(Symbol of) { return world.world().nodes.find(of)->goals_revision; }
  EnsureRunning goal() {
    for (const Action& action : goals_of(world.world(), node).actions)
      if (const auto* running = std::get_if<EnsureRunning>(&action)) return *running;
    ADD_FAILURE() << "nothing is to run";
    return {};
  }

  PlannedWorld world;
  Symbol node;
};

TEST_F(RequireSignaturesTest, KeysReachTheNodesThatRunTheTenantsInstances) {
  const Symbol other(node == Symbol("n1") ? "n2" : "n1");
  const std::uint64_t here = revision(node), there = revision(other);
  const EnsureRunning before = goal();
  EXPECT_TRUE(before.trusted_keys.empty());
  trust({"RWQa", "RWQb"});
  EXPECT_EQ(goal().trusted_keys, (std::vector<std::string>{"RWQa", "RWQb"}));
  EXPECT_EQ(goal().id, before.id) << "what runs goes on";
  EXPECT_EQ(goal().boot, before.boot);
  for (const Action& action : goals_of(world.world(), node).actions)
    EXPECT_FALSE(std::holds_alternative<EnsureImage>(action)) << "it is not opened before it is known to be signed";
  EXPECT_GT(revision(node), here) << "a node takes goals up by their revision";
  EXPECT_EQ(revision(other), there);
  trust({});
  EXPECT_TRUE(goal().trusted_keys.empty());
}

TEST_F(RequireSignaturesTest, AnotherTenantsKeysAreNotOurs) {
  const std::uint64_t here = revision(node);
  trust({"RWQa"}, "team-a");
  EXPECT_TRUE(goal().trusted_keys.empty());
  EXPECT_EQ(revision(node), here);
}

TEST_F(RequireSignaturesTest, TheSameKeysAgainMoveNothing) {
  trust({"RWQa"});
  const std::uint64_t here = revision(node);
  EXPECT_TRUE(trust({"RWQa"}).changes.empty());
  EXPECT_EQ(revision(node), here);
}

// By the agent's word, an image that is not signed is the app's fault: no other node is tried.
TEST_F(RequireSignaturesTest, WhatANodeRefusesIsNotTriedElsewhere) {
  trust({"RWQa"});
  world.report_all(Phase::kFailed, "unsigned_image");
  world.pass(std::chrono::hours(1));
  world.plan();
  ASSERT_EQ(world.instances("web").size(), 1U);
  EXPECT_EQ(goal().id.attempt, 1U);
  EXPECT_EQ(world.row(world.instances("web").front()).node, node);
}

}  // namespace
}  // namespace unik::controller
