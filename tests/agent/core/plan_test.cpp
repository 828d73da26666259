// Every bucket of the plan, and the move that is due in it.
#include "agent/core/plan.hpp"

#include <gtest/gtest.h>

#include "tests/agent/goals_builder.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

constexpr Time kNow{1h};

Instance wanted_running() {
  Instance instance;
  instance.id = instance_id("web");
  instance.want = Want::kRunning;
  instance.goal = checked(instance.id);
  return instance;
}

Instance with_vm(VmState state) {
  Instance instance = wanted_running();
  instance.vm.state = state;
  instance.vm.remains = true;
  instance.vm.launched = kNow - 1s;
  return instance;
}

void expect_step(const Instance& instance, const Surroundings& around, Bucket bucket, Move move,
                 std::optional<Time> wake = std::nullopt) {
  const Step step = plan_step(instance, around, kNow);
  EXPECT_EQ(to_string(step.bucket), to_string(bucket));
  EXPECT_EQ(static_cast<int>(step.move), static_cast<int>(move));
  EXPECT_EQ(step.wake, wake);
  EXPECT_FALSE(step.reason.empty());
}

constexpr Surroundings kReady{true, false, 10};

TEST(PlanTest, WithoutGoalOrRemainsItIsGone) {
  expect_step(Instance{}, kReady, Bucket::kGone, Move::kErase);
}

TEST(PlanTest, WithoutGoalWhatIsThereIsLeftAlone) {
  Instance instance;
  instance.vm.remains = true;
  expect_step(instance, kReady, Bucket::kStray, Move::kNone);
  instance.vm.state = VmState::kRunning;
  expect_step(instance, kReady, Bucket::kStray, Move::kNone);
}

TEST(PlanTest, WhatIsToBeAbsentIsForgottenOnce) {
  Instance instance;
  instance.want = Want::kAbsent;
  expect_step(instance, kReady, Bucket::kAbsent, Move::kForget);
  instance.forgotten = true;
  expect_step(instance, kReady, Bucket::kAbsent, Move::kNone);
}

TEST(PlanTest, WhatStaysEndedIsNotStarted) {
  Instance instance = wanted_running();
  instance.record.ended = true;
  expect_step(instance, kReady, Bucket::kEnded, Move::kNone);
}

TEST(PlanTest, WaitsForItsBackoff) {
  Instance instance = wanted_running();
  instance.restart.not_before = kNow + 1s;
  expect_step(instance, kReady, Bucket::kBackoff, Move::kNone, kNow + 1s);
}

TEST(PlanTest, WaitsForItsRecord) {
  Instance instance = wanted_running();
  instance.stored_with = 11;
  expect_step(instance, kReady, Bucket::kStore, Move::kNone);
  instance.stored_with = 10;
  expect_step(instance, kReady, Bucket::kLaunch, Move::kLaunch);
}

TEST(PlanTest, AsksForItsImageOnce) {
  Instance instance = wanted_running();
  expect_step(instance, {false, false, 10}, Bucket::kFetch, Move::kAskImage);
  instance.awaits_image = true;
  expect_step(instance, {false, false, 10}, Bucket::kFetch, Move::kNone);
}

TEST(PlanTest, ABootHasADeadline) {
  Instance instance = with_vm(VmState::kStarting);
  expect_step(instance, kReady, Bucket::kStarting, Move::kNone, instance.vm.launched + kBootDeadline);
  instance.vm.launched = kNow - kBootDeadline;
  expect_step(instance, kReady, Bucket::kStop, Move::kBeginStop);
  EXPECT_EQ(plan_step(instance, kReady, kNow).cause, StopCause::kBootTimeout);
}

TEST(PlanTest, WhatRunsIsLeftRunning) {
  expect_step(with_vm(VmState::kRunning), kReady, Bucket::kRunning, Move::kNone);
}

TEST(PlanTest, WhatIsUnhealthyIsStoppedUnlessItIsNeverRestarted) {
  Instance instance = with_vm(VmState::kRunning);
  instance.health.value = Health::kUnhealthy;
  expect_step(instance, kReady, Bucket::kStop, Move::kBeginStop);
  EXPECT_EQ(plan_step(instance, kReady, kNow).cause, StopCause::kUnhealthy);
  instance.goal.run.restart.policy = RestartPolicy::kNever;
  expect_step(instance, kReady, Bucket::kRunning, Move::kNone);
}

TEST(PlanTest, LeavesTheTableThenIsAsked) {
  Instance instance = with_vm(VmState::kRunning);
  instance.want = Want::kAbsent;
  instance.stop_timeout = 3s;
  expect_step(instance, kReady, Bucket::kStop, Move::kBeginStop);
  instance.stop = Stopping{StopCause::kGoal, kNow, std::nullopt, {}};
  expect_step(instance, {true, true, 10}, Bucket::kWithdraw, Move::kNone, kNow + kWithdrawWait);
  expect_step(instance, {true, false, 10}, Bucket::kStop, Move::kStopStep);
  expect_step(instance, {true, false, 10, {}, true}, Bucket::kWithdraw, Move::kNone, kNow + 3s);
  instance.stop->begun = kNow - 3s;
  expect_step(instance, {true, false, 10, {}, true}, Bucket::kStop, Move::kStopStep);
  instance.stop->begun = kNow;
  instance.stop->last = StopStep::kAsk;
  instance.stop->last_at = kNow;
  expect_step(instance, kReady, Bucket::kStop, Move::kNone, kNow + 3s);
}

TEST(PlanTest, WhatFailsItsCheckIsNotWaitedForToAnswer) {
  Instance instance = with_vm(VmState::kRunning);
  instance.stop = Stopping{StopCause::kUnhealthy, kNow, std::nullopt, {}};
  expect_step(instance, {true, false, 10, {}, true}, Bucket::kStop, Move::kStopStep);
}

TEST(StopTest, TakesItsStepsInTime) {
  Stopping stop{StopCause::kGoal, kNow, std::nullopt, {}};
  EXPECT_EQ(next_stop(stop, 3s).step, StopStep::kAsk);
  EXPECT_EQ(next_stop(stop, 3s).at, kNow);
  stop.last_at = kNow;
  stop.last = StopStep::kAsk;
  EXPECT_EQ(next_stop(stop, 3s).step, StopStep::kQuit);
  EXPECT_EQ(next_stop(stop, 3s).at, kNow + 3s);
  stop.last = StopStep::kQuit;
  EXPECT_EQ(next_stop(stop, 3s).at, kNow + kQuitWait);
  stop.last = StopStep::kKill;
  EXPECT_EQ(next_stop(stop, 3s).step, StopStep::kKill);
  EXPECT_EQ(next_stop(stop, 3s).at, kNow + kKillRepeat);
}

}  // namespace
}  // namespace unik::agent
