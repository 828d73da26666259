#include "controller/core/operations.hpp"

#include <gtest/gtest.h>

#include <map>

#include "controller/core/relocate.hpp"
#include "controller/core/steer.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Operations, ADeployIsDoneWhenItsInstancesServe) {
  PlannedWorld planned;
  planned.add_node("n1");
  const Operation deploy = planned.deploy(PlannedWorld::app("web", 2));
  EXPECT_EQ(planned.operation(deploy).state, OperationState::kRunning);
  planned.report_all();
  EXPECT_EQ(planned.operation(deploy).state, OperationState::kSucceeded);
}

TEST(Operations, TheSameDeployAgainIsTheSameOperationUntilSomethingChanges) {
  PlannedWorld world;
  world.add_node("n1");
  const Operation first = world.deploy(PlannedWorld::app("web"));
  EXPECT_EQ(world.deploy(PlannedWorld::app("web")).operation_id, first.operation_id) << "while it is at work";
  world.report_all();
  const std::uint64_t revision = world.world().revision;
  EXPECT_EQ(world.deploy(PlannedWorld::app("web")).operation_id, first.operation_id) << "and after";
  EXPECT_EQ(world.world().revision, revision);
  const Operation second = world.deploy(PlannedWorld::app("web", 2));
  EXPECT_NE(second.operation_id, first.operation_id);
  EXPECT_NE(world.deploy(PlannedWorld::app("web")).operation_id, first.operation_id) << "it is another generation";
}

TEST(Operations, ADestroyIsDoneWhenTheLastInstanceIsGone) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 2));
  planned.report_all();
  const Operation destroy = planned.destroy("web");
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kRunning);
  planned.report_all();
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kSucceeded);
  EXPECT_TRUE(planned.instances("web").empty());
}

TEST(Operations, ADestroyWaitsForItsOwnInstancesAlsoWhenANamesakeIsThere) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 2));
  planned.report_all();
  const std::vector<InstanceId> old = planned.instances("web");
  const Operation destroy = planned.destroy("web");
  const Operation again = planned.deploy(PlannedWorld::app("web", 1));
  // The node has not said that the old ones are gone.
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kRunning) << planned.operation(destroy).message;

  planned.report_all();
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kSucceeded);
  for (const InstanceId& id : old) EXPECT_FALSE(planned.world().instances.contains(id)) << to_string(id);
  planned.report_all();
  EXPECT_EQ(planned.operation(again).state, OperationState::kSucceeded) << planned.operation(again).message;
}

std::string state_of(PlannedWorld& planned, const Operation& operation) {
  return std::string(to_string(planned.operation(operation).state));
}

TEST(Operations, NoMoreAreAtWorkThanMayBeAndTheOthersSayThatTheyWait) {
  PlannedWorld planned;
  planned.world().max_operations = 2;
  planned.add_node("n1");
  std::vector<Operation> deploys;
  for (const char* const name : {"e", "d", "c", "b", "a"}) deploys.push_back(planned.deploy(PlannedWorld::app(name)));
  EXPECT_EQ(state_of(planned, deploys[0]), "running");
  EXPECT_EQ(state_of(planned, deploys[1]), "running");
  for (std::size_t i = 2; i < deploys.size(); ++i) {
    EXPECT_EQ(state_of(planned, deploys[i]), "pending") << i;
    EXPECT_EQ(planned.operation(deploys[i]).message,
              "waits for its turn: 2 operations are at work, the most that may be");
  }
  EXPECT_TRUE(planned.instances("c").empty()) << "an app was planned before its turn";

  // The oldest are the next.
  planned.report_all();
  EXPECT_EQ(state_of(planned, deploys[0]), "succeeded");
  EXPECT_EQ(state_of(planned, deploys[2]), "running");
  EXPECT_EQ(state_of(planned, deploys[3]), "running");
  EXPECT_EQ(state_of(planned, deploys[4]), "pending");
  planned.report_all();
  planned.report_all();
  for (const Operation& deploy : deploys) EXPECT_EQ(state_of(planned, deploy), "succeeded");
  EXPECT_EQ(planned.world().operations_at_work, 0U);
  EXPECT_TRUE(planned.plan().changes.empty());
}

TEST(Operations, UnlessTheControllerWasToldOtherwise64AreAtWork) {
  EXPECT_EQ(LoopOptions{}.max_operations, 64U);
  PlannedWorld planned;
  planned.add_node("n1", mebibytes(1 << 20));
  std::vector<Operation> deploys;
  for (int i = 0; i < 65; ++i) deploys.push_back(planned.deploy(PlannedWorld::app("app-" + std::to_string(i))));
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(state_of(planned, deploys[i]), "running") << i;
  EXPECT_EQ(planned.world().operations_at_work, 64U);
  EXPECT_EQ(planned.operation(deploys[64]).message,
            "waits for its turn: 64 operations are at work, the most that may be");
  planned.report_all();
  EXPECT_EQ(state_of(planned, deploys[63]), "succeeded");
  EXPECT_EQ(state_of(planned, deploys[64]), "running");
}

TEST(Operations, OneThatWaitsForRoomKeepsNobodyFromWorking) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1", mebibytes(512));
  App large = PlannedWorld::app("large");
  large.spec.boot.resources.memory = mebibytes(2048);
  const Operation first = planned.deploy(large);
  EXPECT_EQ(state_of(planned, first), "pending");
  ASSERT_TRUE(planned.operation(first).error.has_value());
  EXPECT_EQ(planned.operation(first).error->reason, "no_eligible_node");
  const Operation second = planned.deploy(PlannedWorld::app("small"));
  EXPECT_EQ(state_of(planned, second), "running");

  // Room comes, but not its turn.
  planned.add_node("n2");
  EXPECT_EQ(state_of(planned, first), "pending");
  EXPECT_FALSE(planned.operation(first).error.has_value()) << planned.operation(first).error->message;
  planned.report_node("n1");
  EXPECT_EQ(state_of(planned, second), "succeeded");
  EXPECT_EQ(state_of(planned, first), "running");
  planned.report_all();
  EXPECT_EQ(state_of(planned, first), "succeeded");
}

TEST(Operations, ThoseThatAreBlockedStayAsTheyAreWhileTurnsComeAndGo) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1", mebibytes(1024));
  std::vector<Operation> blocked;
  for (int i = 0; i < 20; ++i) {
    App large = PlannedWorld::app("large-" + std::to_string(i));
    large.spec.boot.resources.memory = mebibytes(2048);
    blocked.push_back(planned.deploy(large));
  }
  const auto told = [&] {
    std::vector<Operation> all;
    for (const Operation& one : blocked) all.push_back(planned.operation(one));
    return all;
  };
  const std::vector<Operation> before = told();
  ASSERT_EQ(before.back().error->reason, "no_eligible_node");
  planned.pass(seconds(1));
  const Operation small = planned.deploy(PlannedWorld::app("small"));
  const Operation next = planned.deploy(PlannedWorld::app("next"));
  EXPECT_EQ(state_of(planned, small), "running");
  EXPECT_EQ(told(), before);
  planned.report_node("n1");
  EXPECT_EQ(state_of(planned, small), "succeeded");
  EXPECT_EQ(state_of(planned, next), "running") << "nobody is before it";
  EXPECT_EQ(told(), before);
}

TEST(Operations, TurnsThatComeFreeWhileTheHistoryIsLostAreNoWork) {
  PlannedWorld planned;
  planned.world().history_lost = true;
  Draft draft(planned.world(), planned.now());
  Dirty turns;
  turns.turns = true;
  reconcile(draft, std::move(turns));
  EXPECT_TRUE(draft.touched().empty()) << "the loop would plan again at once, for ever";
}

// The first of two is on a silent node; room comes for the second.
TEST(Operations, OneThatIsBlockedTwiceAsksForATurnWhenThereIsRoom) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1", mebibytes(1100));
  App pair = PlannedWorld::app("pair", 2);
  pair.spec.boot.resources.memory = mebibytes(900);
  const Operation old = planned.deploy(pair);
  planned.pass(seconds(45));
  planned.plan();
  ASSERT_EQ(planned.operation(old).error->reason, "node_silent");
  planned.add_node("n2", mebibytes(300));
  App small = PlannedWorld::app("small");
  small.spec.boot.resources.memory = mebibytes(40);
  const Operation younger = planned.deploy(small);
  planned.add_node("n3", mebibytes(1500));
  EXPECT_FALSE(planned.operation(old).error.has_value());
  planned.report_node("n2");
  EXPECT_EQ(state_of(planned, younger), "succeeded");
  std::size_t placed = 0;
  for (const InstanceId& id : planned.instances("pair")) placed += planned.row(id).node.empty() ? 0 : 1;
  EXPECT_EQ(placed, 2U);
}

// The room that a strict singleton leaves is its successor's.
TEST(Operations, AStrictOneAsksForATurnWhenTheRoomOfTheOldOneIsEnough) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1", mebibytes(1500));
  App web = PlannedWorld::app("web");
  web.spec.boot.resources.memory = mebibytes(500);
  web.spec.boot.singleton = Singleton::kStrict;
  planned.deploy(web);
  planned.report_all();
  App job = PlannedWorld::app("job");
  job.spec.boot.resources.memory = mebibytes(700);
  job.spec.run.health.reset();
  job.spec.run.restart.policy = RestartPolicy::kNever;
  planned.deploy(job);
  planned.report_all();
  web.spec.boot.resources.memory = mebibytes(1200);
  const Operation update = planned.deploy(web);
  ASSERT_EQ(planned.operation(update).error->reason, "no_eligible_node");
  planned.add_node("n2", mebibytes(300));
  App small = PlannedWorld::app("small");
  small.spec.boot.resources.memory = mebibytes(40);
  planned.deploy(small);
  std::vector<ObservedInstance> seen;
  for_each_on_node(planned.world(), Symbol("n1"), [&](const InstanceId& id, const InstanceRow& row) {
    InstanceStatus status = *row.status;
    if (id.app == Symbol("job")) {
      status.phase = Phase::kExited;
      status.last_exit = Exit{ExitKind::kExited, 0};
    }
    if (id.app != Symbol("small")) seen.push_back({id, status});
  });
  planned.report("n1", std::move(seen));
  EXPECT_FALSE(planned.operation(update).error.has_value()) << planned.operation(update).error->message;
}

// Its template failed before anything had served: more replicas of it are tried, and judged again.
TEST(Operations, MoreReplicasOfAFirstTemplateThatFailedAreJudgedAgain) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  App web = PlannedWorld::app("web");
  web.spec.rollout.emplace().progress_deadline = seconds(60);
  const auto pass_without_answer = [&] {
    for (int i = 0; i < 20; ++i) {
      std::vector<ObservedInstance> seen;
      InstanceStatus mute;
      mute.phase = Phase::kRunning;
      mute.health = Health::kStarting;
      for (const InstanceId& id : planned.instances("web")) seen.push_back({id, mute});
      planned.report("n1", std::move(seen));
      planned.pass(seconds(10));
      planned.plan();
    }
  };
  const Operation first = planned.deploy(web);
  pass_without_answer();
  ASSERT_EQ(planned.operation(first).error->reason, "progress_deadline");
  web.spec.replicas = 2;
  const Operation second = planned.deploy(web);
  EXPECT_EQ(state_of(planned, second), "running");
  pass_without_answer();
  ASSERT_EQ(state_of(planned, second), "failed");
  EXPECT_NE(planned.operation(second).message.find("0 of 2 serve"), std::string::npos)
      << planned.operation(second).message;
}

TEST(Operations, OneOnASilentNodeGivesItsTurnAwayAndComesBack) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  const Operation first = planned.deploy(PlannedWorld::app("web"));
  planned.pass(std::chrono::seconds(60));
  planned.plan();
  EXPECT_EQ(state_of(planned, first), "pending");
  ASSERT_TRUE(planned.operation(first).error.has_value());
  EXPECT_EQ(planned.operation(first).error->reason, "node_silent");
  planned.add_node("n2");
  const Operation second = planned.deploy(PlannedWorld::app("other"));
  EXPECT_EQ(state_of(planned, second), "running");
  planned.report_all();
  EXPECT_EQ(state_of(planned, first), "succeeded");
  EXPECT_EQ(state_of(planned, second), "succeeded");
}

// No plan of everything comes to help: what the change itself touches has to be enough.
TEST(Operations, TheLastTurnIsMissedByThoseThatAreBlocked) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web"));
  planned.report_all();
  planned.add_node("n2");
  App strict = PlannedWorld::app("web", 2);
  strict.spec.boot.singleton = Singleton::kStrict;
  strict.spec.rollout.emplace().max_unavailable = 2;
  const Operation update = planned.deploy(strict);
  const std::vector<InstanceId> ids = planned.instances("web");
  ASSERT_EQ(ids.size(), 2U);
  ASSERT_EQ(planned.row(ids[0]).goal, InstanceGoal::kStop);
  ASSERT_EQ(planned.row(ids[1]).node, Symbol("n2"));
  planned.pass(seconds(45));
  InstanceStatus still;
  still.phase = Phase::kRunning;
  planned.report("n1", {{ids[0], still}});
  ASSERT_TRUE(planned.operation(update).error.has_value()) << planned.operation(update).message;
  EXPECT_EQ(planned.operation(update).error->reason, "node_silent");

  World next = planned.world();
  ++next.revision;
  Draft draft(std::move(next), planned.now());
  ApplyRequest other;
  other.follow = true;
  other.resources.push_back(PlannedWorld::app("other"));
  ASSERT_TRUE(admit_apply(draft, other).ok());
  Dirty touched = std::exchange(draft.touched(), Dirty{});
  reconcile(draft, std::move(touched));
  EXPECT_EQ(draft.world().operations_at_work, 1U);
  Dirty everything;
  everything.everything = true;
  EXPECT_TRUE(reconcile(draft.world(), everything, planned.now()).changes.empty());
}

TEST(Operations, ADestroyTakesTheTurnOfTheDeployThatItEnds) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  const Operation deploy = planned.deploy(PlannedWorld::app("web"));
  const Operation destroy = planned.destroy("web");
  EXPECT_EQ(state_of(planned, deploy), "failed");
  EXPECT_EQ(planned.operation(deploy).error->reason, "destroyed");
  EXPECT_EQ(state_of(planned, destroy), "running");
}

// `web` serves on n1, its next template waits, and `other` is at work for as long as n2 does not say that it runs.
struct Queue {
  PlannedWorld planned;
  Operation update;

  Queue() {
    planned.world().max_operations = 1;
    planned.add_node("n1");
    planned.deploy(web("1"));
    planned.report_all();
    planned.add_node("n2");
    planned.deploy(PlannedWorld::app("other"));
    update = planned.deploy(web("2"));
    EXPECT_EQ(state_of(planned, update), "pending");
    EXPECT_EQ(planned.instances("web").size(), 1U) << "the new template began before its turn";
    EXPECT_EQ(planned.row(planned.instances("web").front()).node, Symbol("n1"));
  }

  static App web(const std::string& version) {
    App app = PlannedWorld::app("web", 1, version);
    app.spec.rollout.emplace().progress_deadline = seconds(60);
    return app;
  }
};

TEST(Operations, ANodeIsDrainedOfAnAppThatWaitsForItsTurn) {
  Queue queue;
  PlannedWorld& planned = queue.planned;
  planned.step([](Draft& draft) { ASSERT_TRUE(admit_drain(draft, {"n1", {}, {}, {}})); });
  ASSERT_EQ(planned.instances("web").size(), 2U) << "make before break";
  planned.report_node("n2");
  planned.report_node("n1");
  ASSERT_EQ(planned.instances("web").size(), 1U);
  EXPECT_EQ(planned.row(planned.instances("web").front()).node, Symbol("n2"));
}

TEST(Operations, MoreReplicasOfAnAppThatWaitsForItsTurnRunTheTemplateThatServes) {
  Queue queue;
  PlannedWorld& planned = queue.planned;
  App more = Queue::web("2");
  more.spec.replicas = 2;
  const Operation scaled = planned.deploy(more);
  EXPECT_EQ(state_of(planned, scaled), "pending");
  const std::uint64_t served = planned.world().apps.find({Symbol("default"), Symbol("web")})->state.live;
  const std::vector<InstanceId> instances = planned.instances("web");
  ASSERT_EQ(instances.size(), 2U);
  for (const InstanceId& id : instances) EXPECT_EQ(id.rollout, served) << to_string(id);
}

TEST(Operations, WhatIsLostOfAnAppThatWaitsForItsTurnIsReplaced) {
  Queue queue;
  PlannedWorld& planned = queue.planned;
  planned.add_node("n3");
  for (int minute = 0; minute < 10; ++minute) {
    planned.pass(seconds(30));
    for (const char* const node : {"n2", "n3"}) planned.report_node(node, Phase::kPending, "starting");
  }
  EXPECT_EQ(planned.world().nodes.find(Symbol("n1"))->health, NodeHealth::kLost);
  const std::vector<InstanceId> instances = planned.instances("web");
  EXPECT_TRUE(std::any_of(instances.begin(), instances.end(), [&](const InstanceId& id) {
    return planned.row(id).node == Symbol("n2") || planned.row(id).node == Symbol("n3");
  }));
}

TEST(Operations, AQueueIsHeldAgainstNoTemplate) {
  Queue queue;
  PlannedWorld& planned = queue.planned;
  for (int i = 0; i < 12; ++i) {
    planned.pass(seconds(10));
    planned.report_node("n1");
    planned.report_node("n2", Phase::kPending, "starting");
  }
  EXPECT_EQ(state_of(planned, queue.update), "pending");
  planned.report_all();
  EXPECT_EQ(state_of(planned, queue.update), "running") << planned.operation(queue.update).message;
  planned.report_all();
  EXPECT_EQ(state_of(planned, queue.update), "succeeded");
}

TEST(Operations, APausedDeployBeginsItsEmptySlotsWhenItHasItsTurn) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web"));
  planned.report_node("n1", Phase::kPending, "crash_loop");
  planned.deploy(PlannedWorld::app("other"));
  const Operation update = planned.deploy(PlannedWorld::app("web", 3, "2"));
  ASSERT_EQ(state_of(planned, update), "pending");
  planned.step([&](Draft& draft) {
    RolloutRequest request;
    request.app = {Symbol("default"), Symbol("web")};
    request.verb = RolloutVerb::kPause;
    ASSERT_TRUE(admit_rollout(draft, request));
  });
  EXPECT_EQ(planned.instances("web").size(), 1U) << "it began before its turn";
  EXPECT_EQ(planned.world().queued_operations.size(), 1U);

  planned.report_all();
  planned.report_all();
  EXPECT_EQ(planned.instances("web").size(), 3U);
  ASSERT_TRUE(planned.operation(update).error.has_value());
  EXPECT_EQ(planned.operation(update).error->reason, "awaits_hand");
  EXPECT_TRUE(planned.plan().changes.empty());
}

TEST(Operations, APausedDeployGivesItsTurnToOthers) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web"));
  planned.report_all();
  const Operation update = planned.deploy(PlannedWorld::app("web", 1, "2"));
  const auto steer = [&](RolloutVerb verb) {
    planned.step([&](Draft& draft) {
      RolloutRequest request;
      request.app = {Symbol("default"), Symbol("web")};
      request.verb = verb;
      ASSERT_TRUE(admit_rollout(draft, request));
    });
  };
  steer(RolloutVerb::kPause);
  EXPECT_EQ(state_of(planned, update), "pending");
  ASSERT_TRUE(planned.operation(update).error.has_value());
  EXPECT_EQ(planned.operation(update).error->reason, "awaits_hand");
  const Operation other = planned.deploy(PlannedWorld::app("other"));
  EXPECT_EQ(state_of(planned, other), "running");

  steer(RolloutVerb::kResume);
  EXPECT_EQ(state_of(planned, update), "pending");
  EXPECT_FALSE(planned.operation(update).error.has_value()) << "it waits for its turn";
  planned.report_all();
  EXPECT_EQ(state_of(planned, other), "succeeded");
  planned.report_all();
  EXPECT_EQ(state_of(planned, update), "succeeded");
}

TEST(Operations, CanariesThatWaitForAHandGiveTheirTurnToOthers) {
  PlannedWorld planned;
  planned.world().max_operations = 1;
  planned.add_node("n1");
  App app = PlannedWorld::app("web", 2);
  app.spec.rollout.emplace().strategy = RolloutStrategy::kCanary;
  app.spec.rollout->canary = {50, seconds(0), Promotion::kManual};
  planned.deploy(app);
  planned.report_all();
  app.spec.boot.env["VERSION"] = "2";
  const Operation update = planned.deploy(app);
  EXPECT_EQ(state_of(planned, update), "running");
  planned.report_all();
  planned.pass(seconds(5));
  planned.report_all();
  EXPECT_EQ(state_of(planned, update), "pending") << planned.operation(update).message;
  EXPECT_EQ(state_of(planned, planned.deploy(PlannedWorld::app("other"))), "running");
}

// It is flapping, not progress.
TEST(Operations, WhatComesAndGoesDoesNotRenewTheDeadline) {
  PlannedWorld planned;
  planned.add_node("n1");
  App app = PlannedWorld::app("web", 2);
  app.spec.rollout.emplace().progress_deadline = seconds(60);
  const Operation deploy = planned.deploy(app);
  for (int i = 0; i < 12; ++i) {
    planned.pass(seconds(10));
    std::vector<ObservedInstance> seen;
    for (const InstanceId& id : planned.instances("web")) {
      InstanceStatus status;
      status.phase = id.slot == 0 && i % 2 == 0 ? Phase::kRunning : Phase::kPending;
      seen.push_back({id, status});
    }
    planned.report("n1", std::move(seen));
  }
  EXPECT_EQ(state_of(planned, deploy), "failed") << planned.operation(deploy).message;
}

TEST(Operations, AnAppThatCannotRunFailsItsDeploy) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.add_node("n2");
  const Operation deploy = planned.deploy(PlannedWorld::app("web"));
  planned.report_all(Phase::kFailed, "image_invalid");
  EXPECT_EQ(state_of(planned, deploy), "failed");
  EXPECT_EQ(planned.operation(deploy).error->reason, "image_invalid");
}

TEST(Relocation, AnInstanceThatItsNodeCannotStartIsMoved) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.add_node("n2");
  const Operation deploy = planned.deploy(PlannedWorld::app("web"));
  ASSERT_EQ(planned.instances("web").size(), 1U);
  const InstanceId first = planned.instances("web").front();
  ASSERT_EQ(planned.row(first).node, Symbol("n1"));
  planned.report_all(Phase::kPending, "launch_failed");
  ASSERT_EQ(planned.instances("web").size(), 2U);
  EXPECT_EQ(planned.row(first).goal, InstanceGoal::kStop);
  const InstanceId second = planned.instances("web").back();
  EXPECT_EQ(planned.row(second).node, Symbol("n2"));
  EXPECT_EQ(second.attempt, 2U);
  planned.report_all();
  EXPECT_EQ(planned.instances("web"), std::vector{second});
  EXPECT_EQ(state_of(planned, deploy), "succeeded");
  EXPECT_EQ(planned.operation(deploy).attempts, 2U);
}

TEST(Relocation, OneThatHasNowhereToGoIsLeftToItsAgent) {
  PlannedWorld planned;
  planned.add_node("n1");
  const Operation deploy = planned.deploy(PlannedWorld::app("web"));
  planned.report_all(Phase::kPending, "launch_failed");
  const std::vector<InstanceId> instances = planned.instances("web");
  ASSERT_EQ(instances.size(), 1U);
  EXPECT_EQ(planned.row(instances.front()).goal, InstanceGoal::kRun);
  EXPECT_EQ(state_of(planned, deploy), "pending");
  EXPECT_EQ(planned.operation(deploy).error->reason, "launch_failed");
  EXPECT_NE(planned.operation(deploy).error->message.find("on n1 web-0-r"), std::string::npos);
  planned.report_all();
  EXPECT_EQ(state_of(planned, deploy), "succeeded");
}

// The clock of the following test moves so far between two looks at first, then by a hundredth of what has passed.
constexpr Duration kMoment = std::chrono::milliseconds(50);

TEST(Relocation, TheAttemptsOfASlotFollowEachOtherAtAGrowingDistance) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.add_node("n2");
  planned.deploy(PlannedWorld::app("web"));
  std::map<std::uint32_t, Duration> waits;  // before each attempt
  for (std::uint32_t attempt = 2; attempt < 15; ++attempt) {
    Duration& waited = waits[attempt];
    planned.report_all(Phase::kPending, "launch_failed");
    while (planned.instances("web").back().attempt < attempt) {
      const Duration moment = std::max<Duration>(kMoment, waited / 100);
      planned.pass(moment);
      waited += moment;
      ASSERT_LT(waited, minutes(6)) << "attempt " << attempt;
      planned.report_all(Phase::kPending, "launch_failed");  // a node that is silent is given nothing
    }
    // The one before is seen gone, so that its node may be tried again.
    planned.report_all(Phase::kPending, "starting");
  }
  // The first move is made at once. Each pause may be up to a fifth shorter, so that not all try at the same time.
  EXPECT_EQ(waits[2], Duration::zero());
  EXPECT_GE(waits[3], seconds(1) * 4 / 5);
  EXPECT_LE(waits[3], seconds(1) + kMoment);
  for (std::uint32_t attempt = 4; attempt < 11; ++attempt) EXPECT_GE(waits[attempt], waits[attempt - 1]) << attempt;
  for (std::uint32_t attempt = 12; attempt < 15; ++attempt) {
    EXPECT_GE(waits[attempt], minutes(5) * 4 / 5) << attempt;
    EXPECT_LE(waits[attempt], minutes(5) * 101 / 100) << attempt;
  }
}

}  // namespace
}  // namespace unik::controller
