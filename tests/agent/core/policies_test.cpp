// The small policies: waits, restarts, addresses, goals, digests.
#include <gtest/gtest.h>

#include "agent/core/address.hpp"
#include "agent/core/goals.hpp"
#include "agent/core/happenings.hpp"
#include "agent/core/images.hpp"
#include "agent/core/join.hpp"
#include "agent/core/report.hpp"
#include "agent/core/restart.hpp"
#include "agent/core/timers.hpp"
#include "api/backoff.hpp"
#include "tests/agent/goals_builder.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

constexpr Time kNow{1h};

TEST(BackoffTest, DoublesUpToItsMostAndIsShortenedByAtMostAFifth) {
  for (std::uint32_t n = 1; n < 40; ++n) {
    const Duration whole = n < 10 ? Duration(1s) * (1 << (n - 1)) : Duration(5min);
    const Duration expected = std::min<Duration>(whole, 5min);
    const Duration delay = backoff_delay(1s, 5min, n, "web");
    EXPECT_LE(delay, expected);
    EXPECT_GE(delay, expected * 4 / 5);
  }
  EXPECT_EQ(backoff_delay(0s, 5min, 9, "web"), 0s);
}

TEST(BackoffTest, IsTheSameForTheSameAndNotForOthers) {
  EXPECT_EQ(backoff_delay(1s, 5min, 3, "web"), backoff_delay(1s, 5min, 3, "web"));
  EXPECT_NE(backoff_delay(1s, 5min, 3, "web"), backoff_delay(1s, 5min, 3, "db"));
}

TEST(AddressTest, IsInTheRangeAndAFunctionOfTheId) {
  EXPECT_NE(allocate_address(instance_id("web"), "c1", {}), allocate_address(instance_id("web"), "c2", {}));
  std::set<std::string> in_use;
  for (std::uint32_t slot = 0; slot < 2000; ++slot) {
    const std::string address = allocate_address(instance_id("web", slot), "c1", in_use);
    EXPECT_EQ(address, allocate_address(instance_id("web", slot), "c1", in_use));
    EXPECT_FALSE(address.ends_with(".0"));
    EXPECT_FALSE(address.ends_with(".255"));
    ASSERT_TRUE(address.starts_with("127."));
    const int second = std::stoi(address.substr(4));
    EXPECT_TRUE(second >= 64 && second <= 127) << address;
    EXPECT_TRUE(in_use.insert(address).second);
  }
}

TEST(AddressTest, TakesTheNextOneThatIsFree) {
  std::set<std::string> in_use;
  for (int i = 0; i < 600; ++i) EXPECT_TRUE(in_use.insert(allocate_address(instance_id("web"), "c1", in_use)).second);
}

TEST(NotesTest, CarryTheTraceOfWhatTheInstanceGoesBackTo) {
  NodeState node("n1");
  const InstanceId web = instance_id("web");
  Goals goals;
  goals.actions = {running(web)};
  goals.traces = {{web, "first"}};
  apply_goals(goals, node.instances, kNow);
  node.note(*node.find(web), "launch");
  EXPECT_EQ(node.out.notes.back(), (Note{to_string(web) + ": launch", "first"}));
  goals.traces = {{web, "second"}};
  EXPECT_TRUE(apply_goals(goals, node.instances, kNow).empty()) << "a trace is no part of the target";
  EXPECT_EQ(node.find(web)->trace_id, "second");
}

TEST(BootTimesTest, EndWithTheAppWhereNobodySawTheFirstByte) {
  NodeState node("n1");
  Instance& web = node.instances[instance_id("web")];
  web.id = instance_id("web");
  web.vm.state = VmState::kStarting;
  web.vm.decided = kNow;
  web.vm.launched = kNow + 1ms;
  take(node, VmStarted{web.id, 0, {}, "tcg", 900ms, 0ms});
  EXPECT_EQ(web.vm.boot.total, 901ms);
}

TEST(BootTimesTest, TakeTheFirstByteThatComesAfterTheStart) {
  NodeState node("n1");
  Instance& web = node.instances[instance_id("web")];
  web.id = instance_id("web");
  web.vm.state = VmState::kStarting;
  web.vm.decided = web.vm.launched = kNow;
  take(node, VmStarted{web.id, 0, {}, "tcg", 900ms, {}});
  take(node, VmStarted{web.id, 0, {}, "tcg", 900ms, 950ms});
  EXPECT_EQ(web.vm.boot.first_byte, 950ms);
  EXPECT_EQ(web.vm.boot.total, 900ms) << "until the app was started";
  take(node, VmStarted{web.id, 1, {}, "tcg", 100ms, 100ms});
  take(node, VmStarted{web.id, 0, {}, "tcg", 900ms, {}});
  EXPECT_EQ(web.vm.boot.first_byte, 950ms) << "of this run, and the first";
}

TEST(BootTimesTest, AreNoShorterThanTheirLongestPart) {
  NodeState node("n1");
  Instance& web = node.instances[instance_id("web")];
  web.id = instance_id("web");
  web.vm.state = VmState::kStarting;
  web.vm.decided = web.vm.launched = kNow;
  take(node, VmStarted{web.id, 0, {}, "tcg", 900ms, 200ms});  // traced: the first byte is the kernel's
  EXPECT_EQ(web.vm.boot.total, 900ms);
}

TEST(EndTest, OfAKernelThatDidNotComeUpAsksForMemory) {
  Instance web;
  web.want = Want::kRunning;
  web.goal = running(instance_id("web"));
  web.goal.run.restart.policy = RestartPolicy::kNever;
  web.vm.state = VmState::kStarting;
  end_run(web, RunEnd{Exit{ExitKind::kCrashed, 0}, std::nullopt}, kNow);
  EXPECT_NE(web.recent_problem.find("resources.memory"), std::string::npos) << web.recent_problem;
}

TEST(TimersTest, KeepsOneTimeForEachId) {
  Timers timers;
  timers.set(instance_id("web"), kNow + 2s);
  timers.set(instance_id("web"), kNow + 1s);
  timers.set(instance_id("db"), kNow + 3s);
  EXPECT_EQ(timers.earliest(), kNow + 1s);
  EXPECT_TRUE(timers.take_due(kNow).empty());
  EXPECT_EQ(timers.take_due(kNow + 2s), std::vector{instance_id("web")});
  timers.set(instance_id("db"), std::nullopt);
  EXPECT_FALSE(timers.earliest());
}

TEST(GoalsTest, AreJudgedByTheirStamps) {
  const Stamp held{"c1", {1, 2}, 30};
  EXPECT_EQ(judge({}, held), GoalsVerdict::kTake);
  EXPECT_EQ(judge(held, held), GoalsVerdict::kKnown);
  EXPECT_EQ(judge(held, {"c1", {1, 2}, 31}), GoalsVerdict::kTake);
  EXPECT_EQ(judge(held, {"c1", {1, 3}, 1}), GoalsVerdict::kTake);
  EXPECT_EQ(judge(held, {"c1", {2, 0}, 1}), GoalsVerdict::kTake);
  EXPECT_EQ(judge(held, {"c1", {1, 2}, 29}), GoalsVerdict::kStale);
  EXPECT_EQ(judge(held, {"c1", {1, 1}, 99}), GoalsVerdict::kStale);
  EXPECT_EQ(judge(held, {"c1", {0, 9}, 99}), GoalsVerdict::kStale);
  EXPECT_EQ(judge(held, {"c2", {9, 9}, 99}), GoalsVerdict::kForeign);
}

TEST(ImagesTest, GrowNoLargerThanTheGoals) {
  Images images;
  images.set_ready("a");
  const WantedImage b{"b"}, c{"c"}, c_by_a_key{"c", {"key"}};
  images.ask(b, std::nullopt, kNow);
  images.ask(c, instance_id("web"), kNow);
  images.keep_only({c});
  EXPECT_FALSE(images.is_ready(WantedImage{"a"}));
  EXPECT_EQ(images.take_due(kNow), std::vector{c});
  EXPECT_TRUE(images.take_due(kNow).empty());
  EXPECT_EQ(images.arrived(c), std::set{instance_id("web")});
  EXPECT_TRUE(images.is_ready(c));
  EXPECT_FALSE(images.is_ready(c_by_a_key)) << "nobody has looked for a signature yet";
}

TEST(JoinTest, NamesEveryIdOfGoalsRecordAndVms) {
  Inventory inventory;
  inventory.record.goals.actions = {running(instance_id("goal")), absent(instance_id("absent"))};
  inventory.record.instances[instance_id("record")] = {};
  inventory.vms.push_back({instance_id("vm"), 0, true, "127.64.0.1", "tcg", WallTime(1s), {}, {}});
  const Instances instances = join(inventory, kNow);
  EXPECT_EQ(instances.size(), 4U);
  EXPECT_EQ(instances.at(instance_id("vm")).want, Want::kNothing);
  EXPECT_EQ(instances.at(instance_id("vm")).record.address, "127.64.0.1");
  EXPECT_EQ(instances.at(instance_id("absent")).want, Want::kAbsent);
}

TEST(JoinTest, TakesAnExitUpOnce) {
  const InstanceId id = instance_id("web");
  Inventory inventory;
  inventory.record.goals.actions = {running(id)};
  inventory.record.instances[id] = {};
  inventory.vms.push_back({id, 0, false, "127.64.0.1", "tcg", WallTime(1s), {}, Exit{ExitKind::kExited, 1}});
  EXPECT_EQ(join(inventory, kNow).at(id).record.restarts, 1U);
  inventory.record.instances[id].restarts = 1;  // the agent before had taken it up and stored that
  EXPECT_EQ(join(inventory, kNow).at(id).record.restarts, 1U);
}

TEST(RestartTest, NamesWhatCannotBeLaunchedOtherThanACrashLoop) {
  Instance instance;
  instance.id = instance_id("web");
  instance.want = Want::kRunning;
  instance.goal = running(instance.id);
  for (std::uint32_t i = 0; i < kCrashLoopFailures; ++i) {
    instance.vm.state = VmState::kStarting;
    end_run(instance, {std::nullopt, unavailable("busy", "busy")}, kNow);
  }
  EXPECT_EQ(instance.restart.reason, "launch_failed");
  end_run(instance, {Exit{ExitKind::kExited, 1}, std::nullopt}, kNow);
  EXPECT_EQ(instance.restart.reason, "crash_loop");
}

TEST(RestartTest, AVmThatFailsUnderARunningAppHasCrashed) {
  Instance instance;
  instance.id = instance_id("web");
  instance.want = Want::kRunning;
  instance.goal = running(instance.id);
  instance.vm.state = VmState::kRunning;
  end_run(instance, {std::nullopt, unavailable("vmm_failed", "QEMU ended with status 1")}, kNow);
  EXPECT_EQ(instance.restart.reason, "backoff");
  EXPECT_EQ(instance.record.last_exit, (Exit{ExitKind::kCrashed, 0}));
}

TEST(ReportTest, EqualBodiesHaveEqualDigestsAndOthersNot) {
  ReportBody body;
  body.instances.push_back({instance_id("web"), {}});
  body.publications.push_back({instance_id("web").app_name(), "http", 8080, "127.0.0.1", 18080, ""});
  EXPECT_EQ(body_digest(body), body_digest(ReportBody(body)));
  ReportBody other = body;
  other.instances[0].status.restarts = 1;
  EXPECT_NE(body_digest(body), body_digest(other));
  other = body;
  other.publications[0].problem = "port in use";
  EXPECT_NE(body_digest(body), body_digest(other));
  other = body;
  other.used.memory = mebibytes(1);
  EXPECT_NE(body_digest(body), body_digest(other));
}

}  // namespace
}  // namespace unik::agent
