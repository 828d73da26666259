// The life of instances on one node: started, restarted, ended, failed, adopted.
#include "agent/loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/core/restart.hpp"
#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(broken(host), ""); }

  void boot(std::vector<Action> actions, Duration time = 2s) {
    host.start();
    host.want(std::move(actions));
    host.run_for(time);
  }

  SimulatedHost host;
  InstanceId web = instance_id("web");
};

TEST_F(LoopTest, RunsWhatItsGoalsName) {
  boot({running(web)});
  EXPECT_TRUE(host.is_running(web));
  const InstanceStatus status = host.status(web).value();
  EXPECT_EQ(status.phase, Phase::kRunning);
  EXPECT_EQ(status.reason, "");
  EXPECT_EQ(status.health, Health::kNone);
  EXPECT_EQ(status.accelerator.str(), "tcg");
  EXPECT_TRUE(status.address.starts_with("127."));
  EXPECT_EQ(host.last_report().accepted_stamp, host.wanted_stamp());
}

TEST_F(LoopTest, TellsThePartsOfABoot) {
  boot({running(web)});
  const BootTimes boot = host.status(web)->boot;
  EXPECT_EQ(boot.fetch, 200ms);
  EXPECT_EQ(boot.prepare, 5ms);
  EXPECT_EQ(boot.start, 100ms);
  EXPECT_EQ(boot.first_byte, 120ms);
  EXPECT_EQ(boot.total, 300ms);  // from the stored goal over the fetch to the app's start
}

TEST_F(LoopTest, TellsTheFirstByteOfAnAppThatIsSilentForLong) {
  host.silence = 1min;
  boot({running(web)}, 10s);
  EXPECT_EQ(host.status(web)->boot.first_byte, Duration::zero());
  const Duration total = host.status(web)->boot.total;
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->boot.first_byte, 1min + 100ms);
  EXPECT_EQ(host.status(web)->boot.total, total) << "it had long booted";
}

TEST_F(LoopTest, DoesNothingBeforeTheInventory) {
  Loop loop({"n1", "boot"});
  const std::vector<Event> events = {RecordSaved{1}, ShutdownAsked{}};
  const Effects effects = loop.turn({}, events);
  EXPECT_TRUE(effects.list.empty());
  EXPECT_FALSE(effects.wake_at);
}

TEST_F(LoopTest, FetchesAnImageThatIsWantedForItself) {
  boot({EnsureImage{kImage}});
  EXPECT_TRUE(host.images.contains(kImage));
  EXPECT_EQ(host.count_running(), 0U);
}

TEST_F(LoopTest, FetchesAgainAfterARetryableFailure) {
  host.image_errors[kImage] = unavailable("registry_down", "registry: connection refused");
  boot({running(web)}, 5s);
  EXPECT_EQ(host.status(web)->phase, Phase::kPending);
  EXPECT_EQ(host.status(web)->reason, "fetching");
  EXPECT_EQ(host.status(web)->message, "registry: connection refused");
  EXPECT_GE(host.fetches, 2U);
  host.image_errors.clear();
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->phase, Phase::kRunning);
}

TEST_F(LoopTest, FailsForGoodWhenTheImageIsInvalid) {
  host.image_errors[kImage] = invalid("", "no layer in it");
  boot({running(web)}, 1min);
  EXPECT_EQ(host.status(web)->phase, Phase::kFailed);
  EXPECT_EQ(host.status(web)->reason, "image_invalid");
  EXPECT_EQ(host.fetches, 1U);
  host.crash();
  host.start();
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->reason, "image_invalid");
  EXPECT_EQ(host.fetches, 1U);
}

TEST_F(LoopTest, StopsForgetsAndNoLongerReportsWhatIsToBeAbsent) {
  boot({running(web)});
  host.want({absent(web)});
  host.run_for(2s);
  EXPECT_TRUE(host.vms.empty());
  EXPECT_FALSE(host.status(web));
  EXPECT_FALSE(host.record.instances.contains(web));
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, LeavesAloneWhatNoGoalNames) {
  boot({running(web)});
  host.want({});
  host.run_for(1min);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->phase, Phase::kRunning);
  EXPECT_NE(host.status(web)->message, "");
  host.end_vm(web, {ExitKind::kExited, 3});
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EXPECT_EQ(host.status(web)->reason, "no_goal");
  host.want({absent(web)});
  host.run_for(1s);
  EXPECT_FALSE(host.status(web));
  EXPECT_TRUE(host.vms.empty());
}

TEST_F(LoopTest, NamesAgainWhatHadEndedUnnamedUnderItsRestartPolicy) {
  EnsureRunning job = running(web);
  job.run.restart.policy = RestartPolicy::kNever;
  boot({job});
  host.want({});
  host.run_for(1s);
  host.end_vm(web, {ExitKind::kExited, 3});
  host.want({job});
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->reason, "error");
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, ReportsAStrayThatItFinds) {
  host.vms[web] = {2, true, true, "127.70.0.1", WallTime(1s), std::nullopt, 1};
  boot({}, 1min);
  EXPECT_EQ(host.status(web)->phase, Phase::kRunning);
  EXPECT_TRUE(host.is_running(web));
  host.want({absent(web)});
  host.run_for(1s);
  EXPECT_EQ(host.count_running(), 0U);
}

// ---- Restart policies

TEST_F(LoopTest, RestartsWithGrowingWaitsAndCallsACrashLoopByName) {
  host.exits_after = 0s;
  host.exits_with = {ExitKind::kExited, 1};
  boot({running(web)}, 2s);
  EXPECT_EQ(host.status(web)->reason, "backoff");
  EXPECT_EQ(host.status(web)->phase, Phase::kPending);
  EXPECT_EQ(host.status(web)->last_exit, (Exit{ExitKind::kExited, 1}));
  host.run_for(43s);
  EXPECT_EQ(host.launches[web], 6U);  // at about 0, 1, 3, 7, 15 and 31 s
  EXPECT_EQ(host.status(web)->restarts, 6U);
  EXPECT_EQ(host.status(web)->reason, "crash_loop");
  EXPECT_EQ(host.status(web)->message, "the app exited with code 1");
}

TEST_F(LoopTest, ARestartThatThePolicyNoLongerAllowsDoesNotHappen) {
  host.exits_after = 0s;
  host.exits_with = {ExitKind::kExited, 3};
  EnsureRunning job = running(web);
  job.run.restart.backoff = 4s;
  boot({job}, 2s);
  ASSERT_EQ(host.status(web)->reason, "backoff");
  job.run.restart.policy = RestartPolicy::kNever;
  host.want({job});
  host.run_for(1min);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EXPECT_EQ(host.status(web)->restarts, 0U);
}

TEST_F(LoopTest, StartsTheWaitsAnewAfterTenHealthyMinutes) {
  host.exits_after = 0s;
  boot({running(web)}, 20s);
  host.exits_after.reset();
  host.run_for(kHealthyReset + 1min);
  ASSERT_TRUE(host.is_running(web));
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.run_for(1500ms);
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopTest, KeepsRestartsOverItsOwnCrash) {
  host.exits_after = 0s;
  host.exits_with = {ExitKind::kPanicked, 0};
  boot({running(web)}, 10s);
  const std::uint32_t before = host.status(web)->restarts;
  host.crash();
  host.exits_after.reset();
  host.start();
  host.run_for(10s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->restarts, before);
}

struct PolicyCase {
  RestartPolicy policy;
  Exit exit;
  bool restarted;
  std::string reason;
};

class RestartPolicyTest : public LoopTest, public testing::WithParamInterface<PolicyCase> {};

TEST_P(RestartPolicyTest, DecidesWhatComesAfterAnExit) {
  EnsureRunning goal = running(web);
  goal.run.restart.policy = GetParam().policy;
  boot({goal});
  host.end_vm(web, GetParam().exit);
  host.run_for(5s);
  EXPECT_EQ(host.is_running(web), GetParam().restarted);
  EXPECT_EQ(host.status(web)->last_exit, GetParam().exit);
  if (GetParam().restarted) return;
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EXPECT_EQ(host.status(web)->reason, GetParam().reason);
  host.crash();
  host.start();
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->reason, GetParam().reason);
  EXPECT_EQ(host.launches[web], 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Policies, RestartPolicyTest,
    testing::Values(PolicyCase{RestartPolicy::kAlways, {ExitKind::kExited, 0}, true, ""},
                    PolicyCase{RestartPolicy::kOnFailure, {ExitKind::kExited, 0}, false, "completed"},
                    PolicyCase{RestartPolicy::kOnFailure, {ExitKind::kExited, 2}, true, ""},
                    PolicyCase{RestartPolicy::kOnFailure, {ExitKind::kCrashed, 0}, true, ""},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kExited, 0}, false, "completed"},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kExited, 2}, false, "error"},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kSignaled, 9}, false, "signaled"},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kOutOfMemory, 0}, false, "out_of_memory"},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kPanicked, 0}, false, "kernel_panic"},
                    PolicyCase{RestartPolicy::kNever, {ExitKind::kCrashed, 0}, false, "vm_crashed"}));

// The controller has given its room away, and starts another in its place.
TEST_F(LoopTest, WhatHasEndedStaysEndedUnderEveryPolicy) {
  EnsureRunning job = running(web);
  job.run.restart.policy = RestartPolicy::kNever;
  boot({job});
  host.end_vm(web, {ExitKind::kExited, 0});
  host.run_for(1s);
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EnsureRunning other = job;
  other.run.restart.policy = RestartPolicy::kAlways;
  host.want({other});
  host.run_for(5s);
  host.crash();
  host.start();
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, StillTellsHowARunCameUpAfterItsOwnCrash) {
  boot({checked(web)}, 5s);
  const BootTimes before = host.status(web)->boot;
  EXPECT_GT(before.healthy, Duration::zero());
  host.crash();
  host.start();
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->boot, before);
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, StillTellsTheFirstByteAfterItsOwnCrash) {
  boot({running(web)}, 5s);
  const BootTimes before = host.status(web)->boot;
  EXPECT_GT(before.first_byte, before.start);
  host.crash();
  host.start();
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->boot, before);
}

TEST_F(LoopTest, TakesUpAnExitThatItDidNotSee) {
  EnsureRunning job = running(web);
  job.run.restart.policy = RestartPolicy::kNever;
  boot({job});
  host.crash();
  host.end_vm(web, {ExitKind::kExited, 7});
  host.start();
  host.run_for(1min);
  EXPECT_EQ(host.status(web)->phase, Phase::kExited);
  EXPECT_EQ(host.status(web)->last_exit, (Exit{ExitKind::kExited, 7}));
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, StartsAgainWhatTheHostsRebootTook) {
  boot({running(web)});
  host.crash();
  host.lose_vm(web);
  host.start();
  host.run_for(1s);
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopTest, NamesAVmThatCannotBeLaunchedAndTriesAgain) {
  host.launch_error = exhausted("no_memory", "the host has no memory left");
  boot({running(web)}, 20s);
  EXPECT_EQ(host.status(web)->phase, Phase::kPending);
  EXPECT_EQ(host.status(web)->reason, "launch_failed");
  EXPECT_EQ(host.status(web)->message, "the host has no memory left");
  host.launch_error.reset();
  host.run_for(20s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->message, "");
}

TEST_F(LoopTest, FetchesAnImageAgainThatIsGoneWhenItsVmIsLaunched) {
  host.launch_error = not_found("image_not_ready", "want the image ready on this node, found it is not");
  boot({running(web)}, 500ms);
  EXPECT_EQ(host.fetches, 1U);
  host.launch_error.reset();
  host.run_for(5s);
  EXPECT_EQ(host.fetches, 2U);
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopTest, FailsWhenAVmCanNeverBeLaunched) {
  host.launch_error = invalid("bad_kernel", "not a kernel");
  boot({running(web)}, 20s);
  EXPECT_EQ(host.status(web)->phase, Phase::kFailed);
  EXPECT_EQ(host.status(web)->reason, "bad_kernel");
}

TEST_F(LoopTest, GivesUpAGuestThatNeverStartsItsApp) {
  host.boots = false;
  boot({running(web)}, 1min);
  EXPECT_EQ(host.status(web)->reason, "starting");
  host.boots = true;
  host.run_for(5min);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->restarts, 1U);
}

TEST_F(LoopTest, IgnoresTheEndOfAnEarlierRun) {
  host.exits_after = 0s;
  boot({running(web)}, 1s);
  host.exits_after.reset();
  host.run_for(5s);
  ASSERT_TRUE(host.is_running(web));
  host.inject(VmEnded{web, 0, Exit{}, std::nullopt});
  host.inject(VmStarted{web, 0, {}, "kvm", {}, {}});
  host.run_for(5s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->accelerator.str(), "tcg");
  EXPECT_EQ(host.launches[web], 2U);
}

// ---- Changes in place

TEST_F(LoopTest, AppliesARunPolicyInPlace) {
  boot({running(web)});
  host.want({published(checked(web), 18080)});
  host.run_for(2s);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EXPECT_EQ(host.backends_of(web), std::set<std::string>{"http"});
}

TEST_F(LoopTest, AnotherPaceOfTheSameCheckDoubtsNobody) {
  boot({checked(web)}, 2s);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EnsureRunning slower = checked(web);
  slower.run.health->interval = 30s;
  slower.run.health->failures = 5;
  host.want({slower});
  host.run_for(1s);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopTest, RefusesAnotherBootSpecUnderTheSameId) {
  boot({running(web)});
  EnsureRunning other = running(web);
  other.boot.args = {"--other"};
  host.want({other});
  host.run_for(2s);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_NE(host.status(web)->message.str().find("boot spec"), std::string::npos);
  host.crash();
  host.start();
  host.end_vm(web,
              {ExitKind::kCrashed, 0});  // launched again: the simulated host checks that its spec is the stored one
  host.run_for(5s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.record.goals.actions, (std::vector<Action>{running(web)}));
  host.want({running(web)});
  host.run_for(2s);
  EXPECT_EQ(host.status(web)->message, "");
}

TEST_F(LoopTest, KeepsItsAddressOverRestarts) {
  boot({running(web), running(instance_id("web", 1))});
  const std::string address = host.status(web)->address;
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->address, address);
  EXPECT_NE(host.status(instance_id("web", 1))->address, address);
}

TEST_F(LoopTest, LeavesVmsRunningWhenAskedToEnd) {
  boot({running(web)});
  host.end_vm(web, {ExitKind::kExited, 1});
  host.shut_down();
  EXPECT_EQ(host.record.instances.at(web).restarts, 1U);
  EXPECT_EQ(host.status(web)->restarts, 1U);  // told in the last heartbeat
  host.start();
  host.run_for(5s);
  host.shut_down();
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopTest, AnswersNothingAfterItsLastTurn) {
  Loop loop({"n1", "boot"});
  const std::vector<Event> last = {Inventory{}, ShutdownAsked{}};
  const Effects effects = loop.turn({}, last);
  EXPECT_TRUE(std::ranges::any_of(effects.list, [](const Effect& e) { return std::holds_alternative<SaveRecord>(e); }));
  const std::vector<Event> late = {RecordSaved{1}};
  EXPECT_TRUE(loop.turn({}, late).list.empty());
}

TEST_F(LoopTest, TellsWhatItsVmsUse) {
  boot({running(web)});
  host.inject(Measured{{MilliCpu{300}, mebibytes(90)}});
  host.run_for(11s);
  EXPECT_EQ(host.reported().used.memory, mebibytes(90));
}

}  // namespace
}  // namespace unik::agent
