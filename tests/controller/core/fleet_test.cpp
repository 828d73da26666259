// Rollouts, drains, lost nodes and quotas on a simulated fleet: what must hold at every step, and where it ends.
#include <gtest/gtest.h>

#include "controller/core/diff.hpp"
#include "controller/core/explain.hpp"
#include "controller/core/foresee.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/status.hpp"
#include "tests/controller/core/simulated_fleet.hpp"

namespace unik::controller {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Fate = SimulatedFleet::Fate;

App web(std::uint32_t replicas, const std::string& version) {
  return SimulatedFleet::app("web", replicas, version);
}

App web_with(const RolloutPolicy& rollout, const std::string& version, std::uint32_t replicas = 4) {
  App app = web(replicas, version);
  app.spec.rollout = rollout;
  return app;
}

std::uint32_t of_version(const SimulatedFleet& fleet, const std::string& version) {
  std::uint32_t count = 0;
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& id, const InstanceRow& row) {
                      if (row.goal == InstanceGoal::kRun && fleet.version_of(id) == version) ++count;
                    });
  return count;
}

Fate bad_second(const InstanceId&, const BootSpec& boot) {
  return boot.env.at("VERSION") == "2" ? Fate::kCrashLoops : Fate::kServes;
}

// ---- Rolling ----

struct Budget {
  std::uint32_t max_unavailable = 0;
  std::uint32_t max_surge = 1;
};

class Rolling : public testing::TestWithParam<Budget> {};

TEST_P(Rolling, StaysWithinItsBudgetAtEveryStep) {
  RolloutPolicy policy;
  policy.max_unavailable = GetParam().max_unavailable;
  policy.max_surge = GetParam().max_surge;
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_EQ(fleet.serving_slots("web"), 4U);
  std::uint32_t fewest = 4, most = 4;
  fleet.on_change = [&] {
    fewest = std::min(fewest, fleet.serving_slots("web"));
    most = std::max(most, fleet.running("web"));
  };
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 4U);
  EXPECT_EQ(of_version(fleet, "1"), 0U);
  EXPECT_EQ(fewest, 4 - policy.max_unavailable);
  EXPECT_EQ(most, 4 + policy.max_surge);
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
  EXPECT_EQ(fleet.row("web").history.back().outcome, TemplateOutcome::kGood);
}

INSTANTIATE_TEST_SUITE_P(Budgets, Rolling,
                         testing::Values(Budget{0, 1}, Budget{0, 3}, Budget{1, 0}, Budget{2, 0}, Budget{1, 1}));

std::uint32_t nodes_of(const SimulatedFleet& fleet, NodeHealth health) {
  return fleet.world().nodes_by_health[static_cast<std::size_t>(health)];
}

// Drains go round the fleet while the canaries wait for a hand, and again after each way on.
TEST(Rollout, WhatIsHeldDoesNotSpreadAndNoIdIsUsedTwice) {
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.percent = 50;
  policy.canary.promote = Promotion::kManual;
  SimulatedFleet fleet(3);
  std::set<InstanceId> ever, there;
  fleet.on_change = [&] {
    std::set<InstanceId> now;
    for (const auto& [id, row] : fleet.world().instances) now.insert(id);
    for (const InstanceId& id : now)
      EXPECT_TRUE(there.contains(id) || ever.insert(id).second) << to_string(id) << " comes back";
    there = std::move(now);
  };
  const auto drain_all = [&] {
    for (const char* const node : {"n1", "n2", "n3"}) {
      ASSERT_TRUE(fleet.drain(node));
      fleet.settle();
      EXPECT_TRUE(fleet.on_node(node).empty()) << node;
      ASSERT_TRUE(fleet.uncordon(node));
      fleet.settle();
      EXPECT_EQ(fleet.serving_slots("web"), 4U);
    }
  };
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  drain_all();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.settle();
  drain_all();
  EXPECT_EQ(of_version(fleet, "2"), 2U);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPromote));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 4U);
  ASSERT_TRUE(fleet.apply({web_with(policy, "3")}));
  fleet.settle();
  drain_all();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  drain_all();
  EXPECT_EQ(of_version(fleet, "3"), 2U);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kAbort));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 4U);
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
}

TEST(Rollout, ChangingReplicasAndLabelsReplacesNothing) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  const std::set<std::string> before = fleet.serving("web");
  App app = web(3, "1");
  app.metadata.labels = {{"tier", "front"}};
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  const std::set<std::string> after = fleet.serving("web");
  EXPECT_EQ(after.size(), 3U);
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST(Rollout, AnInstanceMustServeForAsLongAsTheGateSays) {
  RolloutPolicy policy;
  policy.gate.healthy_for = seconds(20);
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1", 2)}));
  fleet.pass(seconds(60));
  ASSERT_TRUE(fleet.apply({web_with(policy, "2", 2)}));
  fleet.pass(seconds(15));
  EXPECT_EQ(of_version(fleet, "1"), 2U) << "the first new one has not yet proved itself";
  fleet.pass(seconds(60));
  EXPECT_EQ(of_version(fleet, "1"), 0U);
}

TEST(Rollout, ACrashLoopGoesBackOnceAndTheOldOnesNeverLeft) {
  SimulatedFleet fleet(3);
  fleet.fate = bad_second;
  ASSERT_TRUE(fleet.apply({web(3, "1")}));
  fleet.settle();
  const std::set<std::string> before = fleet.serving("web");
  fleet.on_change = [&] { EXPECT_EQ(fleet.serving_slots("web"), 3U); };
  const Result<ApplyReply> reply = fleet.apply({web(3, "2")});
  ASSERT_TRUE(reply);
  fleet.settle();
  EXPECT_EQ(fleet.serving("web"), before) << "the same instances: going back replaces none of them";
  const AppRow& row = fleet.row("web");
  EXPECT_EQ(row.state.phase, RolloutPhase::kDone);
  EXPECT_EQ(row.state.reason, "crash_loop");
  EXPECT_EQ(row.app->spec.boot.env.at("VERSION"), "2") << "what is declared stays declared";
  EXPECT_FALSE(runs_what_is_declared(fleet.world(), row));
  ASSERT_EQ(row.history.size(), 3U);
  EXPECT_EQ(row.history[1].outcome, TemplateOutcome::kFailed);
  EXPECT_TRUE(row.history[2].automatic);
  const Operation& operation = **fleet.world().operations.find(*parse_operation_key(reply->operations[0].operation_id));
  EXPECT_EQ(operation.state, OperationState::kFailed);
  EXPECT_EQ(operation.error->reason, "crash_loop");
  // Applying the same again, as a pipeline does, is no change and starts nothing.
  const std::uint64_t rollout = row.rollout;
  ASSERT_TRUE(fleet.apply({web(3, "2")}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").rollout, rollout);
}

TEST(Rollout, WithNothingToGoBackToItFailsAndGoesOnTrying) {
  SimulatedFleet fleet(2);
  fleet.fate = bad_second;
  ASSERT_TRUE(fleet.apply({web(1, "2")}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kFailed);
  EXPECT_EQ(fleet.running("web"), 1U);
}

TEST(Rollout, WithoutAutomaticRollbackItIsPaused) {
  RolloutPolicy policy;
  policy.auto_rollback = false;
  SimulatedFleet fleet(3);
  fleet.fate = bad_second;
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  EXPECT_EQ(fleet.serving_slots("web"), 4U);
  EXPECT_EQ(of_version(fleet, "2"), 1U);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kAbort));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 0U);
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
}

TEST(Rollout, ThatMakesNoProgressIsGivenUp) {
  RolloutPolicy policy;
  policy.progress_deadline = seconds(90);
  SimulatedFleet fleet(3);
  fleet.fate = [](const InstanceId&, const BootSpec& boot) {
    return boot.env.at("VERSION") == "2" ? Fate::kHangs : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.pass(seconds(80));
  EXPECT_EQ(of_version(fleet, "2"), 1U);
  fleet.pass(seconds(30));
  EXPECT_EQ(of_version(fleet, "2"), 0U);
  EXPECT_EQ(fleet.row("web").state.reason, "progress_deadline");
}

TEST(Rollout, ASlowerBootThanTheGateAllowsIsGivenUp) {
  RolloutPolicy policy;
  policy.gate.boot_factor = 3;
  SimulatedFleet fleet(3);
  fleet.boot_time = [](const BootSpec& boot) {
    return std::chrono::milliseconds(boot.env.at("VERSION") == "2" ? 700 : 200);
  };
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.reason, "boot_time");
  EXPECT_EQ(of_version(fleet, "2"), 0U);
}

TEST(Rollout, PausesAndResumes) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(3, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web(3, "2")}));
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  fleet.settle();
  EXPECT_GE(of_version(fleet, "1"), 2U);
  EXPECT_EQ(fleet.serving_slots("web"), 3U);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kResume));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 3U);
  const Result<ApplyReply> again = fleet.steer("web", RolloutVerb::kResume);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

// What was restarted hangs.
Fate bad_restart(const InstanceId&, const BootSpec& boot) {
  return boot.restart > 0 ? Fate::kHangs : Fate::kServes;
}

TEST(Rollout, ARestartThatFailsGoesBackToTheVeryTemplate) {
  RolloutPolicy policy;
  policy.progress_deadline = seconds(30);
  SimulatedFleet fleet(3);
  fleet.fate = bad_restart;
  for (const char* const version : {"1", "2"}) {
    ASSERT_TRUE(fleet.apply({web_with(policy, version)}));
    fleet.settle();
  }
  const std::set<std::string> before = fleet.serving("web");
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
  fleet.pass(seconds(60));
  EXPECT_EQ(fleet.serving("web"), before);
  EXPECT_EQ(of_version(fleet, "2"), 4U);
  const RolloutView view = view_rollout(fleet.world(), fleet.row("web").app->name(), fleet.row("web"));
  EXPECT_EQ(view.phase, "done");
  EXPECT_EQ(view.reason, "progress_deadline") << "it is told that the restart failed";
}

TEST(Rollout, ARestartThatIsAbortedGoesBackToTheVeryTemplate) {
  SimulatedFleet fleet(3);
  fleet.fate = bad_restart;
  for (const char* const version : {"1", "2"}) {
    ASSERT_TRUE(fleet.apply({web(2, version)}));
    fleet.settle();
    ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
    fleet.settle();
    ASSERT_TRUE(fleet.steer("web", RolloutVerb::kAbort)) << version << ": it has served";
    fleet.settle();
    EXPECT_EQ(of_version(fleet, version), 2U);
    EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
  }
}

TEST(Rollout, RollbackAfterAnAutomaticOneDeclaresWhatRuns) {
  SimulatedFleet fleet(3);
  fleet.fate = [](const InstanceId&, const BootSpec& boot) {
    return boot.env.at("VERSION") == "3" ? Fate::kCrashLoops : Fate::kServes;
  };
  for (const char* const version : {"1", "2", "3"}) {
    ASSERT_TRUE(fleet.apply({web(2, version)}));
    fleet.settle();
  }
  const std::set<std::string> before = fleet.serving("web");
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRollback));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").app->spec.boot.env.at("VERSION"), "2");
  EXPECT_EQ(fleet.serving("web"), before);
}

TEST(Rollout, PauseChangeResumeAsOfDeployments) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  for (const char* const version : {"2", "3"}) {
    ASSERT_TRUE(fleet.apply({web(2, version)}));
    fleet.settle();
    EXPECT_EQ(of_version(fleet, "1"), 2U);
  }
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kResume));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "3"), 2U);
}

// The second half of the slots shows that the second version is bad.
TEST(Rollout, PauseAndResumeOfAWayBackKeepWhyItBegan) {
  SimulatedFleet fleet(3);
  fleet.fate = [](const InstanceId& id, const BootSpec& boot) {
    return boot.env.at("VERSION") == "2" && id.slot == 2 ? Fate::kCrashLoops : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({web(4, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web(4, "2")}));
  const AppName name = fleet.row("web").app->name();
  while (fleet.row("web").state.reason.empty()) ASSERT_TRUE(fleet.step());
  ASSERT_EQ(fleet.row("web").state.phase, RolloutPhase::kProgressing);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  fleet.settle();
  RolloutView view = view_rollout(fleet.world(), name, fleet.row("web"));
  EXPECT_EQ(view.phase, "paused");
  EXPECT_EQ(view.reason, "crash_loop");
  EXPECT_NE(view.message.find("web-2-r"), std::string::npos) << view.message;
  EXPECT_NE(view.message.find("`unikctl rollout resume web` goes on"), std::string::npos) << view.message;
  const AppView app = view_app(fleet.world(), name, fleet.row("web"));
  EXPECT_EQ(app.conditions.back().reason, "RolledBack");
  EXPECT_EQ(app.conditions.back().message, view.message);

  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kResume));
  fleet.settle();
  view = view_rollout(fleet.world(), name, fleet.row("web"));
  EXPECT_EQ(view.phase, "done");
  EXPECT_EQ(view.reason, "crash_loop");
  EXPECT_EQ(of_version(fleet, "1"), 4U);
}

// All cables are cut, and plugged in again.
TEST(Rollout, OurOwnBlindnessIsHeldAgainstNoTemplate) {
  RolloutPolicy policy;
  policy.progress_deadline = seconds(45);
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  for (const char* const node : {"n1", "n2", "n3"}) fleet.silence(node);
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.pass(minutes(4));
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kProgressing);
  for (const char* const node : {"n1", "n2", "n3"}) fleet.hear_again(node);
  fleet.pass(minutes(2));
  EXPECT_EQ(of_version(fleet, "2"), 4U);
  EXPECT_EQ(fleet.row("web").state.reason, "");
}

TEST(Rollout, AfterASilenceTheRestOfTheDeadlineCounts) {
  RolloutPolicy policy;
  policy.progress_deadline = minutes(2);
  SimulatedFleet fleet(3);
  fleet.fate = [](const InstanceId&, const BootSpec& boot) {
    return boot.env.at("VERSION") == "2" ? Fate::kHangs : Fate::kServes;
  };
  for (const char* const version : {"1", "2"}) {
    ASSERT_TRUE(fleet.apply({web_with(policy, version)}));
    fleet.settle();
  }
  fleet.pass(seconds(30));
  for (const char* const node : {"n1", "n2", "n3"}) fleet.silence(node);
  fleet.pass(minutes(5));
  EXPECT_EQ(of_version(fleet, "2"), 1U);
  for (const char* const node : {"n1", "n2", "n3"}) fleet.hear_again(node);
  fleet.pass(seconds(40));
  EXPECT_EQ(of_version(fleet, "2"), 1U) << "the first 30 s and the 40 s before a node counts as silent";
  fleet.pass(seconds(20));
  EXPECT_EQ(of_version(fleet, "2"), 0U);
  EXPECT_EQ(fleet.row("web").state.reason, "progress_deadline");
}

TEST(Rollout, RestartReplacesAllAndRollbackDeclaresAnOlderTemplate) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  const std::set<std::string> first = fleet.serving("web");
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
  fleet.settle();
  for (const std::string& name : fleet.serving("web")) EXPECT_FALSE(first.contains(name)) << name;
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRollback));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "1"), 2U);
  EXPECT_EQ(fleet.row("web").app->spec.boot.env.at("VERSION"), "1");
  const Result<ApplyReply> unknown = fleet.steer("web", RolloutVerb::kRollback, 9999);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason, "template_not_found");
}

TEST(Rollout, ARollbackToWhatIsDeclaredChangesNothingAndIsNoOperation) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  const std::size_t operations = fleet.world().operations.size();
  const Result<ApplyReply> reply = fleet.steer("web", RolloutVerb::kRollback, fleet.row("web").rollout);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->objects.front().verb, ApplyVerb::kUnchanged);
  EXPECT_TRUE(reply->operations.empty());
  EXPECT_EQ(fleet.world().operations.size(), operations);
}

TEST(Rollout, CanariesBakeBeforeTheOthersFollow) {
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.percent = 25;
  policy.canary.bake = seconds(30);
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.pass(seconds(20));
  EXPECT_EQ(of_version(fleet, "2"), 1U);
  fleet.pass(seconds(30));
  EXPECT_EQ(of_version(fleet, "2"), 4U);
}

TEST(Rollout, CanariesWaitForAHandWhereThePolicySaysSo) {
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.promote = Promotion::kManual;
  policy.progress_deadline = seconds(30);
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.pass(minutes(5));
  EXPECT_EQ(of_version(fleet, "2"), 1U) << "waiting for a hand is no lack of progress";
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kProgressing);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPromote));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 4U);
}

TEST(Rollout, BlueGreenSwitchesThePublishedPortsAtOnce) {
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kBlueGreen;
  const auto green = [&](const std::string& version) {
    App app = web_with(policy, version);
    app.spec.boot.ports = {{"http", 8080}};
    app.spec.run.publications = {{"http", 8080, 18080}};
    return app;
  };
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({green("1")}));
  fleet.settle();
  // Which versions hold ports, over all nodes' goals.
  const auto holders = [&] {
    std::map<std::string, int> count;
    for (const auto& [name, row] : fleet.world().nodes)
      for (const Action& action : goals_of(fleet.world(), name).actions)
        if (const auto* const run = std::get_if<EnsureRunning>(&action);
            run != nullptr && !run->run.publications.empty())
          ++count[run->boot.env.at("VERSION")];
    return count;
  };
  bool all_new_beside_all_old = false;
  fleet.on_change = [&] {
    const std::map<std::string, int> count = holders();
    EXPECT_LE(count.size(), 1U) << "old and new hold the ports together";
    EXPECT_EQ(count.begin()->second, 4);
    all_new_beside_all_old |= fleet.running("web") == 8;
  };
  ASSERT_TRUE(fleet.apply({green("2")}));
  fleet.settle();
  EXPECT_TRUE(all_new_beside_all_old);
  EXPECT_EQ(holders(), (std::map<std::string, int>{{"2", 4}}));
  EXPECT_EQ(of_version(fleet, "1"), 0U);
}

// ---- Placement ----

TEST(Placement, TaintsKeepAwayAndMoveWhatDoesNotTolerateThem) {
  SimulatedFleet fleet(2);
  Node tainted = *fleet.world().nodes.find(Symbol("n1"))->node;
  tainted.spec.taints = {{"dedicated", "batch", TaintEffect::kNoSchedule}};
  ASSERT_TRUE(fleet.apply({tainted}));
  App tolerant = SimulatedFleet::app("batch", 2);
  tolerant.spec.placement.tolerations = {{"dedicated", "batch"}};
  ASSERT_TRUE(fleet.apply({web(3, "1"), tolerant}));
  fleet.settle();
  for (const std::string& name : fleet.on_node("n1")) EXPECT_TRUE(name.starts_with("batch-")) << name;
  EXPECT_EQ(fleet.serving_slots("web"), 3U);
  tainted = *fleet.world().nodes.find(Symbol("n1"))->node;
  tainted.spec.taints = {};
  Node evicting = *fleet.world().nodes.find(Symbol("n2"))->node;
  evicting.spec.taints = {{"broken", "", TaintEffect::kNoExecute}};
  ASSERT_TRUE(fleet.apply({tainted, evicting}));
  fleet.settle();
  EXPECT_TRUE(fleet.on_node("n2").empty());
  EXPECT_EQ(fleet.serving_slots("web"), 3U);
}

// By the request's own record, and not only by the next plan of everything.
TEST(Placement, ATaintMovesWhatIsThereAtOnce) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  const InstanceId first{Symbol("default"), Symbol("web"), 0, fleet.row("web").rollout, 1};
  Node evicting = *fleet.world().nodes.find(fleet.world().instances.find(first)->node)->node;
  evicting.spec.taints = {{"broken", "", TaintEffect::kNoExecute}};
  ASSERT_TRUE(fleet.apply({evicting}));
  EXPECT_EQ(fleet.running("web"), 2U) << "its successor has come";
}

TEST(Placement, SpreadsOverALabelBeforeItSpreadsOverNodes) {
  SimulatedFleet fleet(5);  // zone a: n1 n3 n5, zone b: n2 n4
  App app = web(4, "1");
  app.spec.placement.spread = {{"zone"}};
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  std::map<std::string, int> zones;
  for_each_instance(fleet.world(), app.name(), [&](const InstanceId&, const InstanceRow& row) {
    ++zones[fleet.world().nodes.find(row.node)->agent_labels.at("zone")];
  });
  EXPECT_EQ(zones, (std::map<std::string, int>{{"a", 2}, {"b", 2}}));
}

TEST(Placement, OfALargeFleetEveryNodeIsLookedAtBeforeAnythingIsPending) {
  SimulatedFleet fleet(1200, {MilliCpu{500}, mebibytes(256)});
  ASSERT_TRUE(fleet.apply({web(1000, "1")}));
  fleet.settle();
  EXPECT_EQ(fleet.serving_slots("web"), 1000U);
  ASSERT_TRUE(fleet.apply({SimulatedFleet::app("rest", 300)}));
  fleet.settle();
  EXPECT_EQ(fleet.serving_slots("rest"), 200U) << "every node takes one, and all are found";
}

TEST(Placement, ATenantMayPackInsteadOfSpread) {
  SimulatedFleet fleet(3);
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.placement = PlacementStrategy::kBinPack;
  ASSERT_TRUE(fleet.apply({tenant, web(3, "1")}));
  fleet.settle();
  EXPECT_EQ(fleet.on_node("n1").size(), 3U);
}

TEST(Placement, WhatANodeSaysOfItselfCanBeSelected) {
  SimulatedFleet fleet(2);
  App app = web(1, "1");
  app.spec.placement.node_selector = {{"unikctl.dev/name", "n2"}, {"unikctl.dev/accelerator", "tcg"}};
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  EXPECT_EQ(fleet.on_node("n2").size(), 1U);
  app.spec.placement.node_selector = {{"unikctl.dev/accelerator", "kvm"}};
  ASSERT_TRUE(fleet.apply({app, SimulatedFleet::app("other", 1)}));
  App impossible = SimulatedFleet::app("fast", 1);
  impossible.spec.placement.node_selector = app.spec.placement.node_selector;
  ASSERT_TRUE(fleet.apply({impossible}));
  fleet.settle();
  const std::optional<Explanation> why = explain_app(fleet.world(), impossible.name());
  ASSERT_TRUE(why);
  EXPECT_NE(why->reasons.back().find("label unikctl.dev/accelerator is tcg, want kvm"), std::string::npos)
      << why->reasons.back();
}

// ---- Drain ----

TEST(DrainNode, ReplacesBeforeItStopsWithinTheBudget) {
  SimulatedFleet fleet(3);
  App app = web(6, "1");
  app.spec.disruption.max_unavailable = 2;
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  ASSERT_EQ(fleet.on_node("n1").size(), 2U);
  std::uint32_t most = 0;
  fleet.on_change = [&] {
    EXPECT_EQ(fleet.serving_slots("web"), 6U);
    most = std::max(most, fleet.running("web"));
  };
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  EXPECT_TRUE(fleet.on_node("n1").empty());
  EXPECT_LE(most, 8U);
  const NodeView view = view_node(fleet.world(), Symbol("n1"), *fleet.world().nodes.find(Symbol("n1")));
  EXPECT_EQ(view.conditions.back().type, "Drained");
  EXPECT_EQ(view.conditions.back().status, "True");
}

TEST(DrainNode, NamesToATenantOnlyWhatIsItsOwn) {
  SimulatedFleet fleet(1);
  Tenant team;
  team.metadata.name = "team-a";
  App theirs = web(1, "1");
  theirs.metadata.name = "theirs";
  theirs.metadata.tenant = "team-a";
  ASSERT_TRUE(fleet.apply({team, web(1, "1"), theirs}));
  fleet.settle();
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  const auto told = [&](Symbol tenant) {
    return view_node(fleet.world(), Symbol("n1"), *fleet.world().nodes.find(Symbol("n1")), tenant)
        .conditions.back()
        .message;
  };
  EXPECT_NE(told(Symbol("default")).find("2 instances are left, 1 of other tenants: web-0"), std::string::npos)
      << told(Symbol("default"));
  EXPECT_EQ(told(Symbol("default")).find("theirs"), std::string::npos);
  EXPECT_EQ(told(Symbol("team-b")), "2 instances are left, 2 of other tenants; waits for 10m at most");
  EXPECT_EQ(told({}).find("other tenants"), std::string::npos);
}

TEST(DrainNode, IsBlockedWithAReasonUntilThereIsRoomOrTheDeadline) {
  SimulatedFleet fleet(2, {MilliCpu{1000}, mebibytes(1024)});
  ASSERT_TRUE(fleet.apply({web(4, "1")}));
  fleet.settle();
  ASSERT_EQ(fleet.on_node("n1").size(), 2U);
  Drain drain;
  drain.deadline = minutes(2);
  drain.reason = "more memory";
  ASSERT_TRUE(fleet.drain("n1", drain));
  fleet.pass(minutes(1));
  EXPECT_EQ(fleet.serving_slots("web"), 4U);
  const NodeView view = view_node(fleet.world(), Symbol("n1"), *fleet.world().nodes.find(Symbol("n1")));
  EXPECT_NE(view.conditions.back().message.find("at most; reason: more memory"), std::string::npos);
  EXPECT_EQ(view.conditions.back().reason, "Blocked");
  EXPECT_NE(view.conditions.back().message.find("short"), std::string::npos) << view.conditions.back().message;
  fleet.pass(minutes(2));
  EXPECT_TRUE(fleet.on_node("n1").empty());
  EXPECT_EQ(fleet.serving_slots("web"), 2U) << "forced: the others wait for room";
  ASSERT_TRUE(fleet.uncordon("n1"));
  fleet.settle();
  EXPECT_EQ(fleet.serving_slots("web"), 4U);
}

// Two of the first version serve; the second has failed, and is not rolled back.
RolloutPolicy fail_second_of_two(SimulatedFleet& fleet) {
  RolloutPolicy policy;
  policy.auto_rollback = false;
  fleet.fate = bad_second;
  for (const char* const version : {"1", "2"}) {
    EXPECT_TRUE(fleet.apply({web_with(policy, version, 2)}).ok());
    fleet.settle();
  }
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  return policy;
}

TEST(FailedRollout, IsNotForgottenWhileNothingIsToRun) {
  SimulatedFleet fleet(3);
  const RolloutPolicy policy = fail_second_of_two(fleet);
  ASSERT_TRUE(fleet.apply({web_with(policy, "2", 0)}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  ASSERT_TRUE(fleet.apply({web_with(policy, "2", 2)}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  EXPECT_EQ(of_version(fleet, "1"), 2U);
  EXPECT_EQ(fleet.serving_slots("web"), 2U);
}

TEST(FailedRollout, ThatServesAfterAllIsAWayBackForTheNext) {
  SimulatedFleet fleet(3);
  bool is_mended = false;
  fleet.fate = [&](const InstanceId&, const BootSpec& boot) {
    return boot.env.at("VERSION") == "1" && is_mended ? Fate::kServes : Fate::kCrashLoops;
  };
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_EQ(fleet.row("web").state.phase, RolloutPhase::kFailed);
  ASSERT_TRUE(fleet.apply({web(0, "1")}));
  fleet.settle();
  is_mended = true;
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
  EXPECT_EQ(fleet.row("web").history.back().outcome, TemplateOutcome::kGood);
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "1"), 2U) << "no way back";
  EXPECT_EQ(fleet.serving_slots("web"), 2U);
}

TEST(HeldRollout, NeverRunsAStrictOneBesideAStandIn) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  for (const char* const name : {"n1", "n2", "n3"}) {
    Node cordoned;
    cordoned.metadata.name = name;
    cordoned.spec.schedulable = false;
    ASSERT_TRUE(fleet.apply({cordoned}));
  }
  App strict = web(1, "2");
  strict.spec.boot.singleton = Singleton::kStrict;
  ASSERT_TRUE(fleet.apply({strict}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  std::uint32_t most = 0;  // where one of them is strict
  fleet.on_change = [&] {
    bool is_strict_there = false;
    for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                      [&](const InstanceId& id, const InstanceRow& row) {
                        is_strict_there |= !row.node.empty() && fleet.version_of(id) == "2";
                      });
    if (is_strict_there) most = std::max(most, fleet.running("web"));
  };
  ASSERT_TRUE(fleet.uncordon("n2"));
  ASSERT_TRUE(fleet.uncordon("n3"));
  ASSERT_FALSE(is_drained(fleet.world(), Symbol("n1")));
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.pass(minutes(1));
  EXPECT_EQ(most, 0U);
  EXPECT_TRUE(is_drained(fleet.world(), Symbol("n1")));
  EXPECT_EQ(of_version(fleet, "1"), 1U);
  EXPECT_EQ(fleet.serving_slots("web"), 1U);

  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kResume));
  fleet.pass(minutes(1));
  EXPECT_EQ(most, 1U);
  EXPECT_EQ(fleet.serving("web").size(), 1U);
  EXPECT_EQ(of_version(fleet, "1"), 0U);
}

TEST(FailedRollout, IsToldAfterARestartOfWhatItWentBackTo) {
  SimulatedFleet fleet(3);
  fleet.fate = bad_second;
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  const std::string reason = fleet.row("web").state.reason;
  ASSERT_EQ(reason, "crash_loop");
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
  fleet.settle();
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
  EXPECT_EQ(fleet.row("web").state.reason, reason);
}

TEST(Canary, BakesOnWhenItsNodeIsHeardAgain) {
  SimulatedFleet fleet(4);
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.percent = 25;
  policy.canary.bake = minutes(5);
  ASSERT_TRUE(fleet.apply({web_with(policy, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web_with(policy, "2")}));
  fleet.pass(minutes(3));
  ASSERT_EQ(of_version(fleet, "2"), 1U);
  std::string node;
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& id, const InstanceRow& row) {
                      if (fleet.version_of(id) == "2") node = row.node.str();
                    });
  fleet.silence(node);
  fleet.pass(seconds(50));
  ASSERT_EQ(nodes_of(fleet, NodeHealth::kUnknown), 1U);
  fleet.hear_again(node);
  fleet.pass(seconds(200));
  EXPECT_EQ(of_version(fleet, "2"), 4U) << "it began to bake anew";
}

std::string what_holds(const SimulatedFleet& fleet, const std::string& node) {
  return view_node(fleet.world(), Symbol(node), *fleet.world().nodes.find(Symbol(node))).conditions.back().message;
}

TEST(DrainNode, SaysThatAnAppWaitsForItsLostNode) {
  SimulatedFleet fleet(3);
  App app = web(3, "1");
  app.spec.disconnect.replace = false;
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(minutes(3));
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  EXPECT_NE(what_holds(fleet, "n1").find("stays: its node is lost, and its app waits for it"), std::string::npos)
      << what_holds(fleet, "n1");
}

TEST(DrainNode, SaysThatTheBudgetHoldsIt) {
  SimulatedFleet fleet(3);
  fleet.fate = [](const InstanceId& id, const BootSpec&) {
    return id.attempt == 1 ? Fate::kServes : Fate::kCrashLoops;
  };
  ASSERT_TRUE(fleet.apply({web(6, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.drain("n1"));
  ASSERT_TRUE(fleet.drain("n2"));
  fleet.pass(seconds(30));
  const std::string first = what_holds(fleet, "n1");
  const std::string second = what_holds(fleet, "n2");
  EXPECT_NE((first + second).find("stays for now: 1 at a time may be moved"), std::string::npos) << first << second;
  EXPECT_NE((first + second).find("crash_loop"), std::string::npos) << first << second;
}

TEST(DrainNode, DoesNotWaitForARolloutThatFailed) {
  SimulatedFleet fleet(3);
  fail_second_of_two(fleet);
  std::uint32_t fewest = 2;
  fleet.on_change = [&] { fewest = std::min(fewest, fleet.serving_slots("web")); };
  for (const char* const node : {"n1", "n2", "n3"}) {
    ASSERT_TRUE(fleet.drain(node));
    fleet.pass(minutes(1));
    EXPECT_TRUE(is_drained(fleet.world(), Symbol(node))) << what_holds(fleet, node);
    ASSERT_TRUE(fleet.uncordon(node));
  }
  EXPECT_EQ(fewest, 2U);
  EXPECT_EQ(fleet.serving_slots("web"), 2U);
}

TEST(ExplainApp, SaysWhatARolloutWaitsFor) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  const std::optional<Explanation> why = explain_app(fleet.world(), {Symbol("default"), Symbol("web")});
  ASSERT_TRUE(why);
  const auto holds = std::ranges::count_if(
      why->reasons, [](const std::string& reason) { return reason.ends_with("stays for now: the rollout is paused"); });
  EXPECT_EQ(holds, 2);
}

TEST(DrainNode, IsUndoneWithoutMovingBack) {
  SimulatedFleet fleet(2, {MilliCpu{1000}, mebibytes(1024)});
  ASSERT_TRUE(fleet.apply({web(4, "1")}));
  fleet.settle();
  const std::set<std::string> before = fleet.serving("web");
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  ASSERT_TRUE(fleet.uncordon("n1"));
  fleet.settle();
  EXPECT_EQ(fleet.serving("web"), before);
}

TEST(DrainNode, AnUnhealthyAppDoesNotHoldIt) {
  SimulatedFleet fleet(2);
  fleet.fate = [](const InstanceId&, const BootSpec&) { return Fate::kHangs; };
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.settle();
  EXPECT_TRUE(fleet.on_node("n1").empty());
}

TEST(DrainNode, IsDoneOnlyWhenItsAgentHasSeenTheInstancesGone) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(3, "1")}));
  fleet.settle();
  fleet.silence("n1");
  ASSERT_TRUE(fleet.drain("n1"));
  fleet.pass(minutes(3));
  EXPECT_FALSE(fleet.on_node("n1").empty());
  fleet.hear_again("n1");
  fleet.pass(seconds(5));
  EXPECT_TRUE(fleet.on_node("n1").empty());
}

// ---- Lost nodes ----

TEST(LostNode, IsReplacedAfterTheAppsPatienceAndStopsWhenItReturns) {
  SimulatedFleet fleet(5);
  App app = web(5, "1");
  app.spec.disconnect.lost_after = minutes(2);
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(seconds(100));
  EXPECT_EQ(fleet.serving_slots("web"), 4U) << "not yet";
  fleet.pass(seconds(60));
  EXPECT_EQ(fleet.serving_slots("web"), 5U);
  EXPECT_EQ(fleet.on_node("n1").size(), 1U) << "not believed gone before its node says so";
  fleet.hear_again("n1");
  fleet.pass(seconds(5));
  EXPECT_TRUE(fleet.on_node("n1").empty());
  EXPECT_EQ(fleet.serving_slots("web"), 5U);
}

TEST(LostNode, ThatReturnsBeforeItsReplacementServesKeepsItsInstance) {
  SimulatedFleet fleet(5);
  bool slow = false;
  fleet.fate = [&](const InstanceId&, const BootSpec&) { return slow ? Fate::kHangs : Fate::kServes; };
  App app = web(5, "1");
  app.spec.disconnect.lost_after = minutes(1);
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  const std::set<std::string> before = fleet.serving("web");
  slow = true;
  fleet.silence("n1");
  fleet.pass(minutes(2));
  EXPECT_EQ(fleet.running("web"), 6U);
  fleet.hear_again("n1");
  fleet.pass(seconds(5));
  EXPECT_EQ(fleet.serving("web"), before);
  EXPECT_EQ(fleet.running("web"), 5U);
}

TEST(LostNode, MostNodesSilentIsOurOwnBlindness) {
  SimulatedFleet fleet(5);
  App app = web(5, "1");
  app.spec.disconnect.lost_after = minutes(1);
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  for (const char* node : {"n1", "n2", "n3", "n4", "n5"}) fleet.silence(node);
  const std::uint64_t revision = fleet.world().revision;
  fleet.pass(minutes(10));
  EXPECT_EQ(fleet.running("web"), 5U);
  EXPECT_TRUE(is_isolated(fleet.world(), fleet.world().as_of));
  EXPECT_EQ(nodes_of(fleet, NodeHealth::kLost), 0U);
  EXPECT_LE(fleet.world().revision, revision + 5);
  for (const char* node : {"n1", "n2", "n3", "n4", "n5"}) fleet.hear_again(node);
  fleet.pass(seconds(5));
  EXPECT_EQ(fleet.serving_slots("web"), 5U);
  for (const auto& [id, row] : fleet.world().instances)
    EXPECT_EQ(id.attempt, 1U) << "nothing was replaced or restarted";
}

// Those that come back after an outage of ours do not all come at once.
TEST(LostNode, NoneIsGivenUpForAMinuteAfterMostWereSilent) {
  SimulatedFleet fleet(5);
  const auto lost = [&] { return nodes_of(fleet, NodeHealth::kLost); };
  for (const char* node : {"n1", "n2", "n3", "n4", "n5"}) fleet.silence(node);
  fleet.pass(minutes(5));
  for (const char* node : {"n1", "n2", "n3", "n4"}) fleet.hear_again(node);
  fleet.pass(seconds(50));
  EXPECT_EQ(lost(), 0U);
  fleet.pass(seconds(30));
  EXPECT_EQ(lost(), 1U);
}

// A few that are gone for good say nothing about us when another one dies.
TEST(LostNode, ThoseThatWereLostLongAgoAreNoBlindness) {
  SimulatedFleet fleet(5);
  const auto lost = [&] { return nodes_of(fleet, NodeHealth::kLost); };
  fleet.silence("n1");
  fleet.pass(minutes(2));
  fleet.silence("n2");
  fleet.pass(minutes(2));
  EXPECT_EQ(lost(), 2U);
  fleet.silence("n3");
  fleet.pass(minutes(2));
  EXPECT_EQ(lost(), 2U) << "three of five within some minutes may be our own fault";
  fleet.pass(kLongSilence);
  EXPECT_EQ(lost(), 3U);
}

// Unknown at first, then lost.
TEST(SilentNode, CountsAsReadyNowhere) {
  SimulatedFleet fleet(5);
  ASSERT_TRUE(fleet.apply({web(5, "1")}));
  fleet.settle();
  InstanceId there;
  for_each_on_node(fleet.world(), Symbol("n1"), [&](const InstanceId& id, const InstanceRow&) { there = id; });
  fleet.silence("n1");
  for (const Duration passes : {seconds(45), seconds(60)}) {
    fleet.pass(passes);
    const AppName name = there.app_name();
    const AppView view = view_app(fleet.world(), name, *fleet.world().apps.find(name));
    EXPECT_EQ(view.ready, 4U);
    EXPECT_EQ(view.phase, "progressing");
    EXPECT_EQ(view.conditions.front().reason, "node_silent") << view.conditions.front().message;
    EXPECT_NE(view.conditions.front().message.find(short_name(there) + " is on n1"), std::string::npos);
    EXPECT_TRUE(view_instance(fleet.world(), there, *fleet.world().instances.find(there)).node_unknown);
  }
}

TEST(SilentNode, IsUnknownAfter40Seconds) {
  SimulatedFleet fleet(5);
  fleet.silence("n1");
  const auto unknown = [&] { return nodes_of(fleet, NodeHealth::kUnknown); };
  fleet.pass(seconds(37));
  EXPECT_EQ(unknown(), 0U);
  fleet.pass(seconds(5));
  EXPECT_EQ(unknown(), 1U);
}

TEST(LostNode, NodesAreGivenUpOneAtATime) {
  SimulatedFleet fleet(9);
  fleet.silence("n1");
  fleet.silence("n2");
  fleet.silence("n3");
  const auto lost = [&] { return nodes_of(fleet, NodeHealth::kLost); };
  // What was heard last may be two seconds old.
  fleet.pass(seconds(57));
  EXPECT_EQ(lost(), 0U);
  fleet.pass(seconds(5));
  EXPECT_EQ(lost(), 1U);
  fleet.pass(seconds(5));
  EXPECT_EQ(lost(), 1U);
  fleet.pass(seconds(6));
  EXPECT_EQ(lost(), 2U);
  fleet.pass(seconds(10));
  EXPECT_EQ(lost(), 3U);
}

TEST(LostNode, ThatFlapsIsReplacedOnceAndThenHeldDown) {
  SimulatedFleet fleet(3);
  App app = web(3, "1");
  app.spec.disconnect.lost_after = minutes(1);
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  for (int i = 0; i < 20; ++i) {
    fleet.silence("n1");
    fleet.pass(seconds(15));
    fleet.hear_again("n1");
    fleet.pass(seconds(15));
  }
  for (const auto& [id, row] : fleet.world().instances) EXPECT_EQ(id.attempt, 1U) << "a short silence moves nothing";
  Duration hold{};
  for (int i = 0; i < 4; ++i) {
    fleet.silence("n1");
    fleet.pass(seconds(75));
    fleet.hear_again("n1");
    fleet.pass(seconds(1));
    const NodeClock& clock = *fleet.world().clocks.nodes.find(Symbol("n1"));
    const Duration now = clock.held_until - clock.returned;
    EXPECT_GE(now, hold);
    hold = now;
  }
  EXPECT_GE(hold, minutes(2));
  EXPECT_TRUE(fleet.on_node("n1").empty()) << "nothing new goes to a node that flaps";
  EXPECT_EQ(fleet.serving_slots("web"), 3U);
}

TEST(LostNode, IsWaitedForWhereTheAppSaysSo) {
  SimulatedFleet fleet(5);
  App app = web(5, "1");
  app.spec.disconnect.replace = false;
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(minutes(20));
  EXPECT_EQ(fleet.running("web"), 5U);
}

// ---- Tenants ----

TEST(TenantQuota, IsCheckedWithTheChange) {
  SimulatedFleet fleet(3);
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.quota.instances = 4;
  tenant.spec.quota.memory = mebibytes(1024);
  ASSERT_TRUE(fleet.apply({tenant, web(3, "1")}));
  const Result<ApplyReply> more = fleet.apply({web(5, "1")});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kExhausted);
  EXPECT_EQ(more.error().reason, "quota_instances_exceeded");
  App big = web(3, "1");
  big.spec.boot.resources.memory = mebibytes(512);
  const Result<ApplyReply> bigger = fleet.apply({big});
  ASSERT_FALSE(bigger);
  EXPECT_EQ(bigger.error().reason, "quota_memory_exceeded");
  EXPECT_TRUE(fleet.apply({web(4, "1")}));
  // A rollout's surge is free: a slot counts once.
  ASSERT_TRUE(fleet.apply({web(4, "2")}));
  fleet.settle();
  EXPECT_EQ(of_version(fleet, "2"), 4U);
}

TEST(TenantQuota, LoweredBelowWhatIsDeclaredStopsNothingAndPlacesNothingNew) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(4, "1")}));
  fleet.settle();
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.quota.instances = 2;
  ASSERT_TRUE(fleet.apply({tenant}));
  fleet.settle();
  EXPECT_EQ(fleet.serving_slots("web"), 4U);
  EXPECT_FALSE(fleet.apply({web(5, "1")}));
  EXPECT_TRUE(fleet.apply({web(3, "1")})) << "less is never refused";
}

TEST(TenantQuota, LimitsOneInstance) {
  SimulatedFleet fleet(1);
  Tenant tenant = *fleet.world().tenants.find(Symbol("default"))->tenant;
  tenant.spec.limits.cpu = MilliCpu{400};
  const Result<ApplyReply> reply = fleet.apply({tenant, web(1, "1")});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().details.at(0).path, "spec.resources.cpu");
}

// ---- Foresight ----

TEST(Foresight, SaysWhereInstancesOfALostNodeWouldGo) {
  SimulatedFleet fleet(3, {MilliCpu{1500}, mebibytes(4096)});
  ASSERT_TRUE(fleet.apply({web(6, "1")}));
  fleet.settle();
  const std::uint64_t revision = fleet.world().revision;
  const Result<ApplyReply> foreseen = foresee_loss(fleet.world(), {"n1"}, {});
  ASSERT_TRUE(foreseen);
  ASSERT_EQ(foreseen->placements.size(), 2U);
  for (const PlacementView& one : foreseen->placements) EXPECT_TRUE(one.node == "n2" || one.node == "n3") << one.node;
  const Result<ApplyReply> more = foresee_loss(fleet.world(), {"n1", "n2"}, {});
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->placements.empty()) << "it would be isolated";
  EXPECT_EQ(more->notes.size(), 1U);
  EXPECT_EQ(fleet.world().revision, revision);
  EXPECT_FALSE(foresee_loss(fleet.world(), {"n9"}, {}));
}

TEST(Foresight, OfALossTellsTheSameAsSilenceThenBrings) {
  SimulatedFleet fleet(4);
  App strict = web(1, "1");
  strict.metadata.name = "strict";
  strict.spec.boot.singleton = Singleton::kStrict;
  App waits = web(4, "1");
  waits.metadata.name = "waits";
  waits.spec.disconnect.replace = false;
  ASSERT_TRUE(fleet.apply({web(4, "1"), strict, waits}));
  fleet.settle();
  const std::string serving = *fleet.serving("strict").begin();
  const std::string lost = serving.substr(serving.find('@') + 1);
  const Result<ApplyReply> foreseen = foresee_loss(fleet.world(), {lost}, {});
  ASSERT_TRUE(foreseen);
  std::map<std::string, std::string> told;
  for (const PlacementView& one : foreseen->placements) told[one.instance] = one.node;
  EXPECT_EQ(told.size(), 2U);
  const auto before = fleet.world().instances;
  fleet.silence(lost);
  fleet.pass(std::chrono::minutes(5));
  fleet.settle();
  std::map<std::string, std::string> moved;
  for (const auto& [id, row] : fleet.world().instances)
    if (!before.contains(id)) moved[short_name(id)] = row.node.str();
  EXPECT_EQ(moved, told);
}

TEST(Foresight, TellsTheSameAsWhatThenHappens) {
  SimulatedFleet fleet(3);
  ApplyRequest request;
  request.resources = {web(3, "1")};
  const Result<ApplyReply> foreseen = foresee_apply(fleet.world(), request);
  ASSERT_TRUE(foreseen);
  ASSERT_TRUE(fleet.apply({web(3, "1")}));
  fleet.settle();
  std::set<std::string> nodes;
  for (const PlacementView& one : foreseen->placements) nodes.insert(one.instance + "@" + one.node);
  EXPECT_EQ(nodes.size(), 3U);
  for (const auto& [id, row] : fleet.world().instances)
    EXPECT_TRUE(nodes.contains(short_name(id) + "@" + row.node.str()));
}

}  // namespace
}  // namespace unik::controller
