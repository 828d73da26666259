#include "controller/core/recovery.hpp"

#include <gtest/gtest.h>

#include "api/lease.hpp"
#include "controller/core/goals.hpp"
#include "controller/core/status.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

// A store that was copied while `web` had one replica on n1; the lost history then scaled it to two, and n2 runs the
// second one, `lost`, since.
class Recovery : public ::testing::Test {
 protected:
  explicit Recovery(Singleton singleton = Singleton::kNone) : singleton_(singleton) {
    world_.add_node("n1");
    world_.add_node("n2");
    world_.deploy(web(1));
    world_.report_all();
    kept_ = world_.instances("web").front();
    lost_ = kept_;
    lost_.slot = 1;
    lost_node_ = world_.row(kept_).node == Symbol("n1") ? "n2" : "n1";
    world_.world().history_lost = true;
  }

  App web(std::uint32_t replicas) const {
    App app = PlannedWorld::app("web", replicas);
    app.spec.boot.singleton = singleton_;
    return app;
  }
  void report_lost(Phase phase = Phase::kRunning) {
    InstanceStatus status;
    status.phase = phase;
    status.started_at = world_.now().wall - std::chrono::hours(1);
    world_.report(lost_node_, {{lost_, status}});
  }
  void recover() {
    world_.step([](Draft& draft) { ASSERT_TRUE(admit_recover(draft).ok()); });
  }
  void scale_to(std::uint32_t replicas) {
    world_.deploy(web(replicas));
    world_.pass(std::chrono::seconds(1));
  }
  Result<ApplyReply> decide(QuarantineVerb verb) {
    Result<ApplyReply> reply = internal("not_asked", "");
    world_.step([&](Draft& draft) { reply = admit_quarantine(draft, {Symbol(lost_node_), lost_, verb}); });
    return reply;
  }
  bool is_in_goals() {
    for (const Action& action : goals_of(world_.world(), Symbol(lost_node_)).actions) {
      const auto* const running = std::get_if<EnsureRunning>(&action);
      const auto* const absent = std::get_if<EnsureAbsent>(&action);
      if ((running != nullptr && running->id == lost_) || (absent != nullptr && absent->id == lost_)) return true;
    }
    return false;
  }
  const StrayRow* stray() { return world_.world().strays.find({Symbol(lost_node_), lost_}); }

  Singleton singleton_;
  PlannedWorld world_;
  InstanceId kept_;
  InstanceId lost_;
  std::string lost_node_;
};

TEST_F(Recovery, BeforeItNothingIsPlannedAndWhatWillBeQuarantinedIsShown) {
  report_lost();
  EXPECT_TRUE(world_.plan().changes.empty());
  ASSERT_EQ(view_quarantine(world_.world()).size(), 1U);
  EXPECT_EQ(view_quarantine(world_.world()).front().id, lost_);
  EXPECT_TRUE(view_status(world_.world(), "default").restored);
}

TEST_F(Recovery, WhatIsNotKnownIsQuarantinedAndInNoGoal) {
  report_lost();
  recover();
  EXPECT_EQ(world_.world().cluster.epoch.recovery_count, 1U);
  EXPECT_FALSE(world_.world().history_lost);
  ASSERT_NE(stray(), nullptr);
  EXPECT_TRUE(stray()->quarantined);
  EXPECT_FALSE(is_in_goals());
  EXPECT_TRUE(world_.plan().changes.empty());
}

TEST_F(Recovery, ANodeThatComesBackLaterIsGoneThroughBeforeItGetsGoals) {
  recover();
  EXPECT_TRUE(is_accounted(world_.world(), Symbol("n1")));
  world_.world().observed.erase(Symbol(lost_node_));
  recover();
  EXPECT_FALSE(is_accounted(world_.world(), Symbol(lost_node_)));
  report_lost();
  EXPECT_TRUE(is_accounted(world_.world(), Symbol(lost_node_)));
  ASSERT_NE(stray(), nullptr);
  EXPECT_TRUE(stray()->quarantined);
}

TEST_F(Recovery, NothingThatIsKnownIsReplacedAndNewInstancesHaveNewNumbers) {
  recover();
  EXPECT_EQ(world_.instances("web"), std::vector<InstanceId>{kept_});
  scale_to(2);
  const std::vector<InstanceId> instances = world_.instances("web");
  ASSERT_EQ(instances.size(), 2U);
  EXPECT_EQ(instances.front(), kept_);
  EXPECT_GT(instances.back().rollout, kRolloutsPerRecovery);
  EXPECT_LT(instances.back().rollout, 2 * kRolloutsPerRecovery);
}

// The copied store knew it without a node; the lost history placed it, under the same id.
TEST_F(Recovery, WhatHadNoNodeIsPlacedUnderAnIdThatTheLostHistoryNeverGave) {
  InstanceRow row;
  row.status = InstanceStatus{};
  world_.step([&](Draft& draft) { draft.change(PutInstance{lost_, row}); });
  report_lost();
  recover();
  EXPECT_FALSE(world_.world().instances.contains(lost_));
  scale_to(2);
  for (const InstanceId& id : world_.instances("web"))
    EXPECT_NE(id, lost_) << "it runs on " << lost_node_ << " already";
  EXPECT_TRUE(stray()->quarantined);
}

// Before its loss was noticed the controller placed it, under an id that the lost history had given another node.
TEST_F(Recovery, WhatItsNodeNeverHadIsReplacedUnderAnIdThatTheLostHistoryNeverGave) {
  InstanceRow row;
  row.node = world_.row(kept_).node;
  row.status = InstanceStatus{};
  world_.step([&](Draft& draft) { draft.change(PutInstance{lost_, row}); });
  report_lost();
  recover();
  EXPECT_EQ(world_.row(lost_).goal, InstanceGoal::kStop);
  EXPECT_EQ(world_.row(kept_).goal, InstanceGoal::kRun) << "its node has it";
  EXPECT_TRUE(stray()->quarantined);
}

// The one that is strict must be gone before anything else comes, and what runs in quarantine is not asked to wait.
TEST_F(Recovery, WhatIsOrdinaryIsNotAdoptedBesideAStrictSingleton) {
  report_lost();
  recover();
  scale_to(2);
  InstanceId strict = lost_;
  strict.rollout = 1;
  InstanceRow row = world_.row(kept_);
  Result<ApplyReply> reply = internal("not_asked", "");
  world_.step([&](Draft& draft) {
    BootSpec boot = **draft.world().templates.find({lost_.app_name(), lost_.rollout});
    boot.singleton = Singleton::kStrict;
    draft.change(PutTemplate{{strict.app_name(), strict.rollout}, Shared<BootSpec>(std::move(boot))});
    draft.change(PutInstance{strict, row});
    reply = admit_quarantine(draft, {Symbol(lost_node_), lost_, QuarantineVerb::kAdopt});
  });
  ASSERT_FALSE(reply.ok());
  EXPECT_NE(reply.error().message.find("must never run at once"), std::string::npos) << reply.error().message;
}

TEST_F(Recovery, AnAdoptedInstanceTakesItsSlotFromOneThatWasPlacedSince) {
  report_lost();
  recover();
  EXPECT_EQ(decide(QuarantineVerb::kAdopt).error().reason, "cannot_adopt") << "its slot is not declared";
  scale_to(2);
  ASSERT_EQ(world_.instances("web").size(), 2U);
  const InstanceId placed = world_.instances("web").back();
  ASSERT_TRUE(decide(QuarantineVerb::kAdopt).ok());
  EXPECT_EQ(stray(), nullptr);
  ASSERT_TRUE(world_.world().instances.contains(lost_));
  EXPECT_EQ(world_.row(lost_).goal, InstanceGoal::kRun);
  EXPECT_EQ(world_.row(placed).goal, InstanceGoal::kStop);
}

TEST_F(Recovery, WhatDoesNotServeDoesNotTakeASlot) {
  report_lost(Phase::kPending);
  recover();
  scale_to(2);
  EXPECT_EQ(decide(QuarantineVerb::kAdopt).error().reason, "cannot_adopt");
}

TEST_F(Recovery, WhatIsDestroyedIsStoppedAndForgottenOnceItIsGone) {
  report_lost();
  recover();
  ASSERT_TRUE(decide(QuarantineVerb::kDestroy).ok());
  EXPECT_TRUE(is_in_goals());
  world_.report(lost_node_, {});
  EXPECT_EQ(stray(), nullptr);
  EXPECT_EQ(decide(QuarantineVerb::kDestroy).error().reason, "not_quarantined");
}

// What came after the recovery is as it always was.
TEST_F(Recovery, ALaterStrayIsStopped) {
  recover();
  report_lost();
  ASSERT_NE(stray(), nullptr);
  EXPECT_FALSE(stray()->quarantined);
  EXPECT_TRUE(is_in_goals());
}

// As above, of a strict singleton.
class StrictRecovery : public Recovery {
 protected:
  StrictRecovery() : Recovery(Singleton::kStrict) {}
};

TEST_F(StrictRecovery, ASlotIsFreeWhenWhatWasInQuarantineIsGone) {
  report_lost();
  recover();
  scale_to(2);
  EXPECT_EQ(world_.instances("web"), std::vector<InstanceId>{kept_});
  ASSERT_TRUE(decide(QuarantineVerb::kDestroy).ok());
  EXPECT_EQ(world_.instances("web"), std::vector<InstanceId>{kept_}) << "its node has not yet said that it is gone";
  world_.report(lost_node_, {});
  EXPECT_EQ(world_.instances("web").size(), 2U);
}

TEST_F(StrictRecovery, WhatIsAdoptedHasItsSlotAlone) {
  report_lost(Phase::kPending);
  recover();
  scale_to(2);
  ASSERT_TRUE(decide(QuarantineVerb::kAdopt).ok());
  EXPECT_EQ(world_.instances("web"), (std::vector<InstanceId>{kept_, lost_}));
}

TEST_F(StrictRecovery, TwoOfASlotAreNotBothAdopted) {
  report_lost();
  recover();
  scale_to(2);
  InstanceId later = lost_;
  ++later.attempt;
  world_.step([&](Draft& draft) {
    draft.change(PutStray{{world_.row(kept_).node, later}, StrayRow{draft.world().revision, true}});
  });
  EXPECT_EQ(decide(QuarantineVerb::kAdopt).error().reason, "cannot_adopt");
}

// It has no lease that would have ended it.
TEST_F(StrictRecovery, WhatGoesOnInQuarantineKeepsItsSlotUntilSomebodyHasDecided) {
  lost_.slot = kept_.slot;
  lost_.rollout += 100;
  report_lost();
  recover();
  EXPECT_EQ(world_.row(kept_).goal, InstanceGoal::kRun) << "nobody has told it to go on yet";
  world_.pass(kStrictLease + kStrictMargin);
  world_.plan();
  EXPECT_EQ(world_.row(kept_).goal, InstanceGoal::kStop);
  world_.report(world_.row(kept_).node.str(), {});
  EXPECT_TRUE(world_.instances("web").empty());
  ASSERT_TRUE(decide(QuarantineVerb::kDestroy).ok());
  world_.report(lost_node_, {});
  EXPECT_EQ(world_.instances("web").size(), 1U);
}

// One that was strict has ended with its lease, and is not started again.
TEST_F(StrictRecovery, WhatHasEndedInQuarantineHoldsNothingThatIsKnown) {
  lost_.slot = kept_.slot;
  lost_.rollout += 100;
  report_lost(Phase::kExited);
  recover();
  world_.pass(kStrictLease + kStrictMargin);
  world_.plan();
  EXPECT_FALSE(world_.world().cluster.awaits_leases);
  EXPECT_EQ(world_.row(kept_).goal, InstanceGoal::kRun);
}

// What the lost history had started goes on for its lease, on nodes that are not heard.
TEST_F(StrictRecovery, TheLeasesOfTheLostHistoryAreWaitedFor) {
  recover();
  EXPECT_TRUE(world_.world().cluster.awaits_leases);
  world_.pass(kStrictLease + kStrictMargin - std::chrono::seconds(1));
  world_.plan();
  EXPECT_TRUE(world_.world().cluster.awaits_leases);
  world_.pass(std::chrono::seconds(1));
  world_.plan();
  EXPECT_FALSE(world_.world().cluster.awaits_leases);
}

TEST_F(StrictRecovery, OfAHistoryThatIsThereNothingIsWaitedFor) {
  world_.world().history_lost = false;
  recover();
  EXPECT_FALSE(world_.world().cluster.awaits_leases);
}

}  // namespace
}  // namespace unik::controller
