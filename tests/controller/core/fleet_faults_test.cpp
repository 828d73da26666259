// Ways in which rollouts, drains and losses once went wrong, each as the smallest fleet that shows it.
#include <gtest/gtest.h>

#include "api/check.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/explain.hpp"
#include "controller/core/foresee.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/place.hpp"
#include "controller/core/rollout.hpp"
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

std::optional<Time> wake_after_everything(const World& world, Time now) {
  Dirty dirty;
  dirty.everything = true;
  return reconcile(world, dirty, Now{now, WallTime(std::chrono::hours(500'001))}).wake_at;
}
std::string condition(const SimulatedFleet& fleet, const std::string& type) {
  const AppView view = view_app(fleet.world(), {Symbol("default"), Symbol("web")}, fleet.row("web"));
  for (const Condition& one : view.conditions)
    if (one.type == type) return one.status + "/" + one.reason + ": " + one.message;
  return "";
}
InstanceStatus exited(int code) {
  InstanceStatus s;
  s.phase = Phase::kExited;
  s.reason = "completed";
  s.last_exit = Exit{ExitKind::kExited, code};
  return s;
}

// A controller that could not commit for a while finds all nodes silent at once; the first that it looks at is not yet
// one of most.
TEST(FleetFaults, NoNodeIsGivenUpBeforeAllThatAreSilentAreMissed) {
  SimulatedFleet fleet(5);
  fleet.settle();
  Dirty everything;
  everything.everything = true;
  const Time later = heard(fleet.world(), Symbol("n1")) + minutes(2);
  const Plan plan = reconcile(fleet.world(), everything, Now{later, WallTime(std::chrono::hours(500'001))});
  std::size_t unknown = 0;
  for (const Change& change : plan.changes)
    if (const auto* const put = std::get_if<PutNode>(&change)) {
      EXPECT_EQ(put->row.health, NodeHealth::kUnknown) << put->row.node->metadata.name;
      ++unknown;
    }
  EXPECT_EQ(unknown, 5U);
  EXPECT_EQ(plan.wake_at, later) << "each is looked at again";
}

TEST(FleetFaults, AJobThatCannotBePlacedAsksForNoWakeInThePast) {
  SimulatedFleet fleet(1);
  App job = web(1, "1");
  job.spec.run.restart.policy = RestartPolicy::kNever;
  job.spec.boot.resources.memory = mebibytes(100000);
  ASSERT_TRUE(fleet.apply({job}));
  fleet.settle();
  fleet.pass(minutes(6));
  const auto wake = wake_after_everything(fleet.world(), fleet.world().as_of);
  EXPECT_TRUE(!wake || *wake > fleet.world().as_of);
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kFailed);
}

TEST(FleetFaults, AFinishedJobDoesNotRunAgainWhenItsNodeIsDrained) {
  SimulatedFleet fleet(2);
  App job = web(1, "1");
  job.spec.run.restart.policy = RestartPolicy::kNever;
  ASSERT_TRUE(fleet.apply({job}));
  fleet.settle();
  // it ends well
  World w = fleet.world();
  InstanceId id;
  Symbol node;
  for_each_instance(w, {Symbol("default"), Symbol("web")}, [&](const InstanceId& i, const InstanceRow& r) {
    id = i;
    node = r.node;
  });
  ++w.revision;
  Draft draft(w, Now{w.as_of, WallTime(std::chrono::hours(500'001))});
  draft.change(ObserveInstance{id, exited(0)});
  NodeObservation seen;
  seen.agent_start = 1;
  seen.accepted_stamp = {w.cluster.cluster_id, w.cluster.epoch, w.revision};
  seen.body = seen_body(draft.world(), {{{id, exited(0)}}, {}, {}});
  World w2 = draft.world();
  w2.observed.set(node, Observed{std::make_shared<const NodeObservation>(seen), w2.as_of});
  ++w2.revision;
  Draft second(w2, Now{w2.as_of, WallTime(std::chrono::hours(500'001))});
  ASSERT_TRUE(admit_drain(second, {node.str(), {}, {}, {}}));
  Dirty dirty;
  dirty.everything = true;
  reconcile(second, dirty);
  std::size_t count = 0;
  for_each_instance(second.world(), {Symbol("default"), Symbol("web")}, [&](const InstanceId& i, const InstanceRow& r) {
    if (i != id && r.goal == InstanceGoal::kRun) ++count;
  });
  EXPECT_EQ(count, 0U) << "the job was started a second time";
}

TEST(FleetFaults, AServiceThatFailsDoesNotGoBackToTheJobThatItWas) {
  SimulatedFleet fleet(2);
  fleet.fate = [](const InstanceId&, const BootSpec& boot) {
    return boot.env.at("VERSION") == "1" ? Fate::kEndsWell : Fate::kHangs;
  };
  App job = web(4, "1");
  job.spec.run.restart.policy = RestartPolicy::kNever;
  ASSERT_TRUE(fleet.apply({job}));
  fleet.settle();
  ASSERT_EQ(fleet.row("web").state.phase, RolloutPhase::kDone);
  App service = web(4, "2");
  service.spec.rollout = RolloutPolicy{};
  service.spec.rollout->strategy = RolloutStrategy::kCanary;
  service.spec.rollout->canary.percent = 25;
  ASSERT_TRUE(fleet.apply({service}));
  fleet.settle();
  fleet.pass(minutes(11));
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")}, [&](const InstanceId& id, const InstanceRow&) {
    EXPECT_EQ(id.attempt, 1U) << "the job runs again: " << short_name(id);
  });
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kFailed);
  const auto back = fleet.steer("web", RolloutVerb::kRollback);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().reason, "no_good_template");
}

TEST(FleetFaults, AForcedDrainEmptiesANodeOfAPausedRollout) {
  SimulatedFleet fleet(3);
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.percent = 25;
  policy.canary.promote = Promotion::kManual;
  App a = web(4, "1");
  a.spec.rollout = policy;
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  a = web(4, "2");
  a.spec.rollout = policy;
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  for (const char* n : {"n1", "n2", "n3"}) {
    Drain drain;
    drain.force = true;
    drain.deadline = minutes(1);
    ASSERT_TRUE(fleet.drain(n, drain));
    fleet.settle();
    fleet.pass(minutes(3));
    EXPECT_TRUE(fleet.on_node(n).empty()) << n << " still has " << fleet.on_node(n).size();
    ASSERT_TRUE(fleet.uncordon(n));
    fleet.settle();
  }
}

TEST(FleetFaults, AFirstTemplateThatCameLateIsNotRolledBack) {
  SimulatedFleet fleet(1);
  fleet.silence("n1");
  App a = web(1, "1");
  fleet.pass(seconds(50));
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  fleet.pass(minutes(6));
  fleet.hear_again("n1");
  fleet.pass(minutes(2));
  ASSERT_EQ(fleet.serving_slots("web"), 1U);
  EXPECT_EQ(condition(fleet, "Rollout"), "True/Done: ");
  auto reply = fleet.apply({a});
  ASSERT_TRUE(reply);
  fleet.settle();
  const auto key = parse_operation_key(reply->operations.at(0).operation_id);
  const Operation& op = **fleet.world().operations.find(*key);
  EXPECT_EQ(op.state, OperationState::kSucceeded) << op.message;
}

TEST(FleetFaults, ARolloutThatWasPausedBecauseItFailedIsToldFromOnePausedByHand) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  fleet.fate = [](const InstanceId&, const BootSpec&) { return Fate::kHangs; };
  App next = web(1, "2");
  RolloutPolicy policy;
  policy.auto_rollback = false;
  next.spec.rollout = policy;
  ASSERT_TRUE(fleet.apply({next}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  EXPECT_TRUE(condition(fleet, "Rollout").starts_with("False/Paused: by hand")) << condition(fleet, "Rollout");
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kResume));
  fleet.pass(minutes(6));
  ASSERT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  EXPECT_TRUE(condition(fleet, "Rollout").starts_with("False/Failed: ")) << condition(fleet, "Rollout");
}

TEST(FleetFaults, ACrashLoopIsToldWithItsRestartsWhateverItsLastTryDoes) {
  SimulatedFleet fleet(1);
  fleet.fate = [](const InstanceId&, const BootSpec&) { return Fate::kCrashLoops; };
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  EXPECT_NE(condition(fleet, "Ready").find("(restarted 5 times)"), std::string::npos) << condition(fleet, "Ready");
  const std::optional<Explanation> why = explain_app(fleet.world(), {Symbol("default"), Symbol("web")});
  ASSERT_FALSE(why->reasons.empty());
  EXPECT_NE(why->reasons.front().find("(restarted 5 times)"), std::string::npos) << why->reasons.front();
}

TEST(FleetFaults, AfterARollbackAChangeOfReplicasDoesNotClaimTheDeclaredTemplateRuns) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  fleet.fate = [](const InstanceId&, const BootSpec& b) {
    return b.env.at("VERSION") == "2" ? Fate::kCrashLoops : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  EXPECT_NE(condition(fleet, "Rollout").find("RolledBack"), std::string::npos);
  EXPECT_EQ(view_app(fleet.world(), {Symbol("default"), Symbol("web")}, fleet.row("web")).phase, "degraded");
  const std::optional<Explanation> why = explain_app(fleet.world(), {Symbol("default"), Symbol("web")});
  for (const std::string& reason : why->reasons) EXPECT_EQ(reason.find("declared"), std::string::npos) << reason;
  auto reply = fleet.apply({web(3, "2")});
  ASSERT_TRUE(reply);
  fleet.settle();
  EXPECT_NE(condition(fleet, "Rollout").find("RolledBack"), std::string::npos) << condition(fleet, "Rollout");
  const Operation& op = **fleet.world().operations.find(*parse_operation_key(reply->operations.at(0).operation_id));
  EXPECT_NE(op.state, OperationState::kSucceeded) << "declared 2, and 1 runs: " << op.message;
  // and there is a way to try 2 again
  fleet.fate = [](const InstanceId&, const BootSpec&) { return Fate::kServes; };
  std::uint64_t bad = 0;
  for (const TemplateNote& n : fleet.row("web").history)
    if (n.outcome == TemplateOutcome::kFailed) bad = n.rollout;
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRollback, bad));
  fleet.settle();
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& i, const InstanceRow&) { EXPECT_EQ(fleet.version_of(i), "2"); });
}

// Nobody is told that nothing restarts of what empties a node.
TEST(FleetFaults, WhatHasToLeaveItsNodeIsReplaced) {
  SimulatedFleet fleet(2);
  App app = web(1, "1");
  app.spec.placement.node_selector = {{"unikctl.dev/name", "n1"}};
  app.spec.placement.tolerations = {{"ded", std::nullopt}};
  ASSERT_TRUE(fleet.apply({app}));
  fleet.settle();
  const auto foreseen = [&](const Resource& resource) {
    const Result<ApplyReply> reply = foresee_apply(fleet.world(), {{resource}, false, "trace", ""});
    EXPECT_TRUE(reply) << to_string(reply.error());
    return reply->objects.at(0);
  };
  const auto effect_of = [](const AppliedObject& object, const std::string& path) {
    for (const FieldChange& change : object.changes)
      if (change.path == path) return change.effect;
    ADD_FAILURE() << "no change of " << path;
    return ChangeEffect::kNone;
  };
  Node n1 = *fleet.world().nodes.find(Symbol("n1"))->node;
  n1.spec.taints = {{"ded", "", TaintEffect::kNoExecute}};
  EXPECT_EQ(foreseen(n1).effect, ChangeEffect::kNone) << "tolerated";
  ASSERT_TRUE(fleet.apply({n1}));
  fleet.settle();

  App intolerant = *fleet.row("web").app;
  intolerant.spec.placement.tolerations.clear();
  EXPECT_EQ(foreseen(intolerant).effect, ChangeEffect::kReplace);
  EXPECT_EQ(effect_of(foreseen(intolerant), "spec.placement.tolerations"), ChangeEffect::kReplace);
  Node tainted = *fleet.world().nodes.find(Symbol("n1"))->node;
  tainted.spec.taints.push_back({"other", "", TaintEffect::kNoExecute});
  EXPECT_EQ(effect_of(foreseen(tainted), "spec.taints"), ChangeEffect::kReplace);
  Node drained = *fleet.world().nodes.find(Symbol("n1"))->node;
  drained.spec.drain.enabled = true;
  EXPECT_EQ(effect_of(foreseen(drained), "spec.drain.enabled"), ChangeEffect::kReplace);
  Node empty = *fleet.world().nodes.find(Symbol("n2"))->node;
  empty.spec.drain.enabled = true;
  EXPECT_EQ(foreseen(empty).effect, ChangeEffect::kNone) << "nothing runs there";
}

// What the file says again runs already: nobody is told of a restart that does not come.
TEST(FleetFaults, AfterARollbackDeclaringWhatRunsRestartsNothing) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  fleet.fate = [](const InstanceId&, const BootSpec& b) {
    return b.env.at("VERSION") == "2" ? Fate::kCrashLoops : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  ASSERT_NE(condition(fleet, "Rollout").find("RolledBack"), std::string::npos);
  std::vector<InstanceId> before;
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& id, const InstanceRow&) { before.push_back(id); });

  const Result<ApplyReply> third = fleet.apply({web(2, "3")});
  ASSERT_TRUE(third);
  EXPECT_EQ(third->objects.at(0).effect, ChangeEffect::kRestart);
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kAbort));
  fleet.settle();
  const Result<ApplyReply> back = fleet.apply({web(2, "1")});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->objects.at(0).verb, ApplyVerb::kUpdated);
  EXPECT_EQ(back->objects.at(0).effect, ChangeEffect::kNone);
  ASSERT_FALSE(back->objects.at(0).changes.empty());
  for (const FieldChange& change : back->objects.at(0).changes)
    EXPECT_EQ(change.effect, ChangeEffect::kNone) << change.path;
  fleet.settle();
  std::vector<InstanceId> after;
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& id, const InstanceRow&) { after.push_back(id); });
  EXPECT_EQ(after, before);
}

TEST(FleetFaults, RollbackAfterRestartIsAChange) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRollback));
  fleet.settle();
  for_each_instance(fleet.world(), {Symbol("default"), Symbol("web")},
                    [&](const InstanceId& i, const InstanceRow&) { EXPECT_EQ(fleet.version_of(i), "1"); });
}

TEST(FleetFaults, RollbackAfterARestartOfTheOnlyTemplateSaysWhatHasServed) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kRestart));
  fleet.settle();
  const Result<ApplyReply> reply = fleet.steer("web", RolloutVerb::kRollback);
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().message.find("than the declared one has served, restarts apart"), std::string::npos)
      << reply.error().message;
}

TEST(FleetFaults, ExplainSaysWhatAStartingInstanceWaitsFor) {
  SimulatedFleet fleet(1);
  ASSERT_TRUE(fleet.apply({web(1, "1")}));
  fleet.settle();
  World world = fleet.world();
  ++world.revision;
  Draft draft(world, Now{world.as_of, {}});
  for_each_instance(world, {Symbol("default"), Symbol("web")}, [&](const InstanceId& id, const InstanceRow& row) {
    InstanceStatus status = *row.status;
    status.health = Health::kStarting;
    status.message = "health check: port 9999 failed: connection refused";
    draft.change(ObserveInstance{id, status});
  });
  const std::optional<Explanation> why = explain_app(draft.world(), {Symbol("default"), Symbol("web")});
  ASSERT_TRUE(why && !why->reasons.empty());
  EXPECT_NE(why->reasons.front().find("is running on n1, starting: health check: port 9999 failed"), std::string::npos)
      << why->reasons.front();
  EXPECT_NE(why->summary.find("health check: port 9999 failed"), std::string::npos) << why->summary;
}

TEST(FleetFaults, SpreadHoldsInALargeFleet) {
  SimulatedFleet fleet(0);
  for (int i = 0; i < 2000; ++i) {
    Node node;
    char name[16];
    std::snprintf(name, sizeof name, "m%04d", i);
    node.metadata.name = name;
    node.metadata.labels = {{"zone", i < 1000 ? "a" : "b"}};
    (void)node;
  }
  World w = fleet.world();
  ++w.revision;
  Draft draft(w, Now{w.as_of, {}});
  for (int i = 0; i < 2000; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "m%04d", i);
    RegisterRequest r;
    r.node = name;
    r.agent_start = 1;
    r.labels = {{"zone", i < 1000 ? "a" : "b"}};
    r.info.capacity = {MilliCpu{4000}, mebibytes(4096)};
    r.info.platform = "linux/amd64";
    r.info.accelerator = "tcg";
    EXPECT_TRUE(admit_register(draft, r).ok());
    NodeRow row = *draft.world().nodes.find(Symbol(name));
    row.health = NodeHealth::kReady;
    draft.change(PutNode{row});
  }
  App a = web(4, "1");
  a.metadata.name = "s4";
  a.spec.placement.spread = {{"zone"}};
  std::map<std::string, int> zones;
  Placer placer(draft.world(), a, a.spec.boot, w.as_of);
  for (int i = 0; i < 4; ++i) {
    const auto where = placer.next(static_cast<std::uint32_t>(i));
    ++zones[draft.world().nodes.find(std::get<Symbol>(where))->agent_labels.at("zone")];
  }
  EXPECT_EQ(zones["a"], 2);
  EXPECT_EQ(zones["b"], 2);
}

TEST(FleetFaults, APausedRolloutReplacesNothingWhenAnOldOneBlinks) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  fleet.fate = [](const InstanceId&, const BootSpec& b) {
    return b.env.at("VERSION") == "2" ? Fate::kHangs : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({web(2, "2")}));
  fleet.settle();
  ASSERT_TRUE(fleet.steer("web", RolloutVerb::kPause));
  fleet.settle();
  // An old one is not ready for a moment: restarting in place.
  World w = fleet.world();
  ++w.revision;
  Draft draft(w, Now{w.as_of, {}});
  std::vector<InstanceId> olds;
  std::size_t news = 0;
  for_each_instance(w, {Symbol("default"), Symbol("web")}, [&](const InstanceId& i, const InstanceRow&) {
    if (fleet.version_of(i) == "1")
      olds.push_back(i);
    else
      ++news;
  });
  ASSERT_EQ(olds.size(), 2U);
  ASSERT_EQ(news, 1U);
  for (const InstanceId& id : olds) {
    InstanceStatus s = *w.instances.find(id)->status;
    s.phase = Phase::kPending;
    s.reason = "restarting";
    draft.change(ObserveInstance{id, s});
  }
  Dirty d = std::exchange(draft.touched(), Dirty{});
  d.nodes.clear();
  d.apps.insert({Symbol("default"), Symbol("web")});
  // only the app is planned, as after a report
  World observedless = draft.world();
  Draft again(observedless, Now{w.as_of, {}});
  for (const auto& [name, row] : observedless.nodes) (void)row;
  Dirty only;
  only.apps.insert({Symbol("default"), Symbol("web")});
  {  // without the nodes' old report contradicting
    World copy = observedless;
    copy.observed = {};
    Draft third(copy, Now{w.as_of, {}});
    reconcile(third, only);
    std::size_t now_new = 0;
    for_each_instance(third.world(), {Symbol("default"), Symbol("web")},
                      [&](const InstanceId& i, const InstanceRow& r) {
                        if (r.goal == InstanceGoal::kRun && i.rollout == fleet.row("web").rollout) ++now_new;
                      });
    EXPECT_EQ(now_new, news) << "a paused rollout has gone on";
  }
}

TEST(FleetFaults, RaisingTheQuotaWakesWhatWaits) {
  SimulatedFleet fleet(2);
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  Tenant t;
  t.metadata.name = "default";
  t.spec.quota.instances = 10;
  World w = fleet.world();
  ++w.revision;
  Draft draft(w, Now{w.as_of, {}});
  ApplyRequest r;
  r.resources = {t};
  ASSERT_TRUE(admit_apply(draft, r));
  EXPECT_FALSE(draft.touched().empty()) << "nothing is planned until the resync";
}

TEST(FleetFaults, PatienceLongerThanTheLossIsAWake) {
  SimulatedFleet fleet(3);
  App a = web(3, "1");
  a.spec.disconnect.lost_after = minutes(5);
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(seconds(90));
  ASSERT_EQ(fleet.world().nodes.find(Symbol("n1"))->health, NodeHealth::kLost);
  const auto wake = wake_after_everything(fleet.world(), fleet.world().as_of);
  ASSERT_TRUE(wake);
  EXPECT_LE(*wake, fleet.world().as_of + minutes(4));
}

TEST(FleetFaults, ARestartOfTheControllerKeepsAReplacementThatBoots) {
  SimulatedFleet fleet(3);
  App a = web(3, "1");
  a.spec.disconnect.lost_after = minutes(1);
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  fleet.fate = [](const InstanceId&, const BootSpec&) { return Fate::kHangs; };
  fleet.silence("n1");
  fleet.pass(seconds(90));
  World w = fleet.world();
  // the controller starts again
  w.clocks = {};
  w.started = w.as_of;
  w.observed.erase(Symbol("n1"));
  ++w.revision;
  std::size_t before = w.instances.size();
  ASSERT_GT(before, 3U);
  Draft draft(w, Now{w.as_of, {}});
  Dirty d;
  d.apps.insert({Symbol("default"), Symbol("web")});
  reconcile(draft, d);
  std::size_t stopped = 0;
  for (const auto& [id, row] : draft.world().instances)
    if (row.goal == InstanceGoal::kStop) ++stopped;
  EXPECT_EQ(stopped, 0U) << "the replacement was stopped in favour of one on a lost node";
}

TEST(FleetFaults, AShortDeadlineDoesNotGiveUpCanariesThatWaitForAHand) {
  SimulatedFleet fleet(3);
  RolloutPolicy policy;
  policy.strategy = RolloutStrategy::kCanary;
  policy.canary.percent = 25;
  policy.canary.promote = Promotion::kManual;
  policy.progress_deadline = seconds(30);
  App a = web(4, "1");
  a.spec.rollout = policy;
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  a = web(4, "2");
  a.spec.rollout = policy;
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  World w = fleet.world();
  ++w.revision;
  const auto wake = wake_after_everything(w, w.as_of);
  EXPECT_FALSE(wake) << "nothing but a hand ends the wait";
  Draft draft(w, Now{w.as_of + minutes(10), {}});
  Dirty d;
  d.apps.insert({Symbol("default"), Symbol("web")});
  reconcile(draft, d);
  EXPECT_EQ(draft.world().apps.find({Symbol("default"), Symbol("web")})->rollout, fleet.row("web").rollout)
      << "rolled back";
}

TEST(FleetFaults, ZeroReplicasProveNothing) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(0, "2")}));
  fleet.settle();
  EXPECT_NE(fleet.row("web").history.back().outcome, TemplateOutcome::kGood);
}

TEST(FleetFaults, ResumeIsNotForAFailure) {
  SimulatedFleet fleet(2);
  RolloutPolicy policy;
  policy.auto_rollback = true;
  ASSERT_TRUE(fleet.apply({web(2, "1")}));
  fleet.settle();
  App a = web(2, "2");
  policy.auto_rollback = false;
  a.spec.rollout = policy;
  fleet.fate = [](const InstanceId&, const BootSpec& b) {
    return b.env.at("VERSION") == "2" ? Fate::kCrashLoops : Fate::kServes;
  };
  ASSERT_TRUE(fleet.apply({a}));
  fleet.settle();
  ASSERT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
  const Result<ApplyReply> resumed = fleet.steer("web", RolloutVerb::kResume);
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().code, ErrorCode::kConflict);
  EXPECT_NE(resumed.error().message.find("crash_loop"), std::string::npos) << resumed.error().message;
  EXPECT_EQ(fleet.row("web").state.phase, RolloutPhase::kPaused);
}

TEST(FleetFaults, ADeadNodeCanBeRemoved) {
  SimulatedFleet fleet(3);
  ASSERT_TRUE(fleet.apply({web(3, "1")}));
  fleet.settle();
  fleet.silence("n1");
  fleet.pass(minutes(10));
  World w = fleet.world();
  ++w.revision;
  Draft draft(w, Now{w.as_of, {}});
  DeleteRequest r;
  r.kind = Kind::kNode;
  r.names = {"n1"};
  const auto reply = admit_delete(draft, r);
  EXPECT_TRUE(reply) << reply.error().message;
}

// 16: a version that ends at once replaces one that serves
TEST(FleetFaults, OneThatEndsBadlyDoesNotCountAsArrived) {
  RolloutFacts facts;
  InstanceStatus bad = exited(1), good;
  good.phase = Phase::kRunning;
  InstanceRow old_row, new_row;
  old_row.status = good;
  new_row.status = bad;
  old_row.node = new_row.node = Symbol("n1");
  Joined o, n;
  o.id = InstanceId{Symbol("t"), Symbol("a"), 0, 1, 1};
  n.id = InstanceId{Symbol("t"), Symbol("a"), 0, 2, 1};
  o.row = &old_row;
  o.bucket = Bucket::kOutdated;
  o.serves = o.may_serve = true;
  n.row = &new_row;
  n.bucket = Bucket::kCurrent;
  facts.instances = {o, n};
  facts.replicas = 1;
  CowMap<InstanceId, Time> since;
  facts.ready_since = &since;
  facts.now = Time{minutes(1)};
  const RolloutSteps steps = plan_rollout(facts);
  EXPECT_EQ(steps.arrived, 0U);
  EXPECT_TRUE(steps.stop.empty());
}
}  // namespace
}  // namespace unik::controller
