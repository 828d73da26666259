#include "controller/core/world.hpp"

#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

TEST(World, HoldsAStatusThatANodeReportedOnce) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 3));
  for (int report = 1; report <= 2; ++report) {
    planned.report_all();
    const Shared<SeenBody>& seen = planned.world().observed.find(Symbol("n1"))->report->body;
    ASSERT_EQ(seen->instances.size(), 3U);
    for (const SeenInstance& one : seen->instances) {
      const InstanceRow& row = planned.row(one.id);
      EXPECT_EQ(row.status->phase, Phase::kRunning);
      EXPECT_EQ(&*row.status, &*one.status) << "report " << report;
    }
  }
}

// What waits for a place is tried again when there is more room, and not before.
TEST(World, RoomThatIsGivenBackIsTold) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 2));
  planned.report_all();
  const std::vector<InstanceId> ids = planned.instances("web");
  const auto capacity_after = [&](const Change& change) {
    World world = planned.world();
    ++world.revision;
    Dirty dirty;
    apply(world, change, &dirty);
    return dirty.capacity;
  };
  InstanceStatus ended = *planned.row(ids[0]).status;
  EXPECT_FALSE(capacity_after(ObserveInstance{ids[0], ended}));
  ended.phase = Phase::kExited;
  ended.reason = "completed";
  EXPECT_TRUE(capacity_after(ObserveInstance{ids[0], ended}));
  EXPECT_TRUE(capacity_after(RemoveInstance{ids[0]}));
  EXPECT_TRUE(capacity_after(PutTenant{*planned.world().tenants.find(Symbol("default"))}));
  EXPECT_TRUE(capacity_after(PutNode{*planned.world().nodes.find(Symbol("n1"))}));
}

// What lies on a node, or follows its tenant, is planned with the very record that changes these.
TEST(World, WhatAChangedPolicyReachesIsPlannedAgain) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.add_node("n2");
  const Operation deploy = planned.deploy(PlannedWorld::app("web"));
  planned.report_all();
  const AppName web{Symbol("default"), Symbol("web")};
  const auto is_planned_after = [&](const Change& change) {
    World world = planned.world();
    ++world.revision;
    Dirty dirty;
    apply(world, change, &dirty);
    return dirty.apps.contains(web);
  };
  const Symbol there = planned.row(planned.instances("web").front()).node;
  const auto changed = [&](Symbol name, const auto& change) {
    NodeRow row = *planned.world().nodes.find(name);
    Node node = *row.node;
    change(node);
    row.node = std::move(node);
    return PutNode{std::move(row)};
  };
  const auto taint = [](Node& node) { node.spec.taints = {{"broken", "", TaintEffect::kNoExecute}}; };
  const Symbol elsewhere(there == Symbol("n1") ? "n2" : "n1");
  EXPECT_TRUE(is_planned_after(changed(there, taint)));
  EXPECT_TRUE(is_planned_after(changed(there, [](Node& node) { node.spec.drain.force = true; })));
  EXPECT_FALSE(is_planned_after(changed(there, [](Node&) {})));
  EXPECT_FALSE(is_planned_after(changed(elsewhere, taint)));

  TenantRow tenant = *planned.world().tenants.find(Symbol("default"));
  EXPECT_FALSE(is_planned_after(PutTenant{tenant}));
  Tenant patient = *tenant.tenant;
  patient.spec.rollout.emplace().progress_deadline = std::chrono::hours(1);
  tenant.tenant = std::move(patient);
  EXPECT_TRUE(is_planned_after(PutTenant{std::move(tenant)}));

  EXPECT_EQ(planned.operation(deploy).state, OperationState::kSucceeded);
  EXPECT_TRUE(is_planned_after(PutOperation{*parse_operation_key(deploy.operation_id), planned.operation(deploy)}));
}

// Two of a slot count once, and for the larger in each dimension, until the larger has gone.
TEST(World, ASlotHoldsTheLargestOfWhatRunsInIt) {
  PlannedWorld planned;
  planned.add_node("n1");
  App app = PlannedWorld::app("web");
  app.spec.boot.resources = {MilliCpu{100}, mebibytes(300)};
  planned.deploy(app);
  planned.report_all();
  app.spec.boot.resources = {MilliCpu{200}, mebibytes(100)};
  planned.deploy(app);
  const std::vector<InstanceId> ids = planned.instances("web");
  ASSERT_EQ(ids.size(), 2U) << "the successor comes first";
  const TenantUsage held{1, {MilliCpu{200}, mebibytes(300)}};
  EXPECT_EQ(held_share(planned.world(), {Symbol("default"), Symbol("web")}, 0), held);
  EXPECT_EQ(totals_of(planned.world(), Symbol("default")).placed, held);
  World later = planned.world();
  ++later.revision;
  apply(later, RemoveInstance{ids[0]});
  EXPECT_EQ(totals_of(later, Symbol("default")).placed, (TenantUsage{1, app.spec.boot.resources}));
  World recounted = later;
  derive(recounted);
  EXPECT_TRUE(same_tables(later, recounted));
}

TEST(World, SharesThePagesOfItsQueueOfBuilds) {
  PlannedWorld planned;
  Operation build;
  build.kind = OperationKind::kBuild;
  build.target = {Symbol("default"), Symbol("web")};
  const OperationKey key{planned.world().revision, 0};
  apply(planned.world(), PutOperation{key, build});
  World stored = planned.world();
  derive(stored);
  ASSERT_NE(stored.unfinished_builds.find(key), planned.world().unfinished_builds.find(key));
  share_tables(stored, planned.world());
  EXPECT_EQ(stored.unfinished_builds.find(key), planned.world().unfinished_builds.find(key));
}

}  // namespace
}  // namespace unik::controller
