// Which goals are taken and when they are acted on; the record; the talk with the controller.
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/core/controller_talk.hpp"
#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

// Jitter shortens a wait by up to a fifth.
std::size_t tries_within(Duration time, Duration wait) {
  return static_cast<std::size_t>(time / wait);
}

class LoopGoalsTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(broken(host), ""); }

  void boot(std::vector<Action> actions, Duration time = 2s) {
    host.start();
    host.want(std::move(actions));
    host.run_for(time);
  }
  bool noted(const std::string& text) const {
    return std::ranges::any_of(host.notes, [&](const std::string& note) { return note.find(text) != note.npos; });
  }

  SimulatedHost host;
  InstanceId web = instance_id("web");
  InstanceId db = instance_id("db");
};

TEST_F(LoopGoalsTest, LateGoalsOfBeforeAreRefused) {
  boot({running(web)});
  const Stamp deploy = host.wanted_stamp();
  host.want({absent(web)});
  host.run_for(2s);
  host.want_stamped(deploy, {running(web)});  // fault 3: the deploy's goals, after the destroy's
  host.run_for(1min);
  EXPECT_TRUE(host.vms.empty());
  EXPECT_TRUE(noted("stale"));
  EXPECT_EQ(host.last_report().accepted_stamp, host.wanted_stamp());
}

TEST_F(LoopGoalsTest, DoubledGoalsChangeNothing) {
  boot({running(web)});
  const std::uint64_t saves = host.saves;
  host.want_stamped(host.wanted_stamp(), {running(web)});
  host.run_for(1min);
  EXPECT_EQ(host.saves, saves);
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopGoalsTest, AnotherClustersGoalsAreRefused) {
  boot({running(web)});
  host.want_stamped({"c2", {9, 9}, 999}, {absent(web)});
  host.run_for(1min);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_TRUE(noted("another cluster"));
}

TEST_F(LoopGoalsTest, AnEpochCountsBeforeARevision) {
  boot({running(web)});
  host.want_stamped({"c1", {0, 1}, 0}, {running(web), running(db)});
  host.run_for(2s);
  EXPECT_TRUE(host.is_running(db));
  EXPECT_EQ(host.record.goals.stamp, (Stamp{"c1", {0, 1}, 0}));
}

TEST_F(LoopGoalsTest, GoalsThatArriveOutOfOrderWhileOthersAreBeingStoredAreRefused) {
  boot({});
  HeartbeatReply newer;
  newer.goals = Goals{{"c1", {}, 20}, {running(web)}};
  HeartbeatReply older;
  older.goals = Goals{{"c1", {}, 10}, {running(db)}};
  host.inject(HeartbeatAnswered{900, newer});
  host.inject(HeartbeatAnswered{899, older});
  host.run_for(2s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_FALSE(host.is_running(db));
}

TEST_F(LoopGoalsTest, NewerGoalsThatArriveWhileOthersAreBeingStoredAreTakenNext) {
  boot({});
  HeartbeatReply first;
  first.goals = Goals{{"c1", {}, 10}, {running(web)}};
  HeartbeatReply second;
  second.goals = Goals{{"c1", {}, 11}, {running(web), running(db)}};
  host.inject(HeartbeatAnswered{900, first});
  host.run_for(0s);
  host.inject(HeartbeatAnswered{901, second});
  host.run_for(2s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_TRUE(host.is_running(db));
  EXPECT_EQ(host.record.goals.stamp.revision, 11U);
}

TEST_F(LoopGoalsTest, AfterARestartTheStoredGoalsAreMadeTrueWithoutAController) {
  boot({running(web)});
  host.crash();
  host.link_down = true;
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.start();
  host.run_for(5s);
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopGoalsTest, AbsentWinsOverRunningInOneSet) {
  boot({running(web), absent(web)}, 10s);
  EXPECT_EQ(host.launches.count(web), 0U);
}

// ---- The record

TEST_F(LoopGoalsTest, GoalsThatCannotBeStoredAreNotActedOnAndNotLost) {
  boot({running(web)});
  const Stamp before = host.wanted_stamp();
  host.record_fails = true;
  host.want({running(web), running(db)});
  host.run_for(2min);
  EXPECT_EQ(host.launches.count(db), 0U);
  EXPECT_EQ(host.last_report().accepted_stamp, before);
  EXPECT_TRUE(noted("disk_full") || noted("no space left"));
  host.link_down = true;  // nobody tells it again
  host.record_fails = false;
  host.run_for(40s);
  EXPECT_TRUE(host.is_running(db));
}

TEST_F(LoopGoalsTest, RetriesOfTheRecordWaitLongerAndLonger) {
  boot({running(web)});
  const std::uint64_t saves = host.saves;
  host.record_fails = true;
  host.want({absent(web)});
  host.run_for(5min);
  EXPECT_GE(host.saves, saves + 8);
  EXPECT_LE(host.saves, saves + 18);
}

TEST_F(LoopGoalsTest, ARestartThatCannotBeStoredWaits) {
  boot({running(web)});
  host.record_fails = true;
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.run_for(1min);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_NE(host.status(web)->message.str().find("no space left"), std::string::npos);
  host.record_fails = false;
  host.run_for(40s);
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopGoalsTest, EachStartIsNewerThanTheOneBefore) {
  host.start();
  host.run_for(1s);
  const std::uint64_t first = host.record.agent_start;
  host.crash();
  host.start();
  host.run_for(1s);
  EXPECT_GT(host.record.agent_start, first);
  EXPECT_EQ(host.last_report().agent_start, host.record.agent_start);
}

TEST_F(LoopGoalsTest, AnAgentWhoseNameIsTakenAsksOnAndSaysSoOnce) {
  host.refusal = conflict("node_name_taken", "another agent has this name");
  host.start();
  host.run_for(5min);
  EXPECT_GT(host.registers, 5U);
  EXPECT_TRUE(host.heartbeats.empty());
  const auto says = [](const std::string& note) {
    return note.find("another agent has this name") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(host.notes.begin(), host.notes.end(), says), 1);
  host.refusal.reset();
  host.run_for(1min);
  EXPECT_FALSE(host.heartbeats.empty());
}

TEST_F(LoopGoalsTest, AnAgentWhoseRegistrationIsRefusedSaysWhatIsWrongWithIt) {
  host.refusal = invalid("bad_message", "want a registration in JSON, got one with 2 faults");
  host.refusal->details = {{"", 0, 0, "labels.a", "want a value"}, {"", 0, 0, "node", "want a name"}};
  host.start();
  host.run_for(1min);
  EXPECT_EQ(std::ranges::count(host.notes,
                               "not registered, and asking again: want a registration in JSON, got one with 2 faults; "
                               "labels.a: want a value; node: want a name"),
            1);
}

TEST_F(LoopGoalsTest, ALostRecordDoesNotRepeatAStart) {
  LoopOptions options{"n1", "boot", 5'000'000};
  Loop loop(options);
  const std::vector<Event> events = {Inventory{}};
  const Effects effects = loop.turn({}, events);
  ASSERT_TRUE(std::holds_alternative<SaveRecord>(effects.list.back()));
  EXPECT_EQ(std::get<SaveRecord>(effects.list.back()).record.agent_start, 5'000'000U);
}

TEST_F(LoopGoalsTest, ALostRecordNeverLaunchesARunTwice) {
  host.exits_after = 0s;
  boot({running(web)}, 5s);
  host.exits_after.reset();
  host.run_for(10s);
  host.crash();
  host.record = {};
  host.start();
  host.run_for(5s);
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.run_for(10s);
  EXPECT_TRUE(host.is_running(web));  // the simulated host checks the runs' numbers
}

// ---- The controller

TEST_F(LoopGoalsTest, AQuietNodeSendsAHeartbeatEveryTenSecondsAndItsBodyOnceAMinute) {
  boot({running(web)}, 10s);
  const std::size_t beats = host.heartbeats.size();
  const std::uint64_t bodies = host.bodies;
  host.run_for(10min);
  EXPECT_NEAR(static_cast<double>(host.heartbeats.size() - beats), 60, 2);
  EXPECT_NEAR(static_cast<double>(host.bodies - bodies), 10, 1);
}

TEST_F(LoopGoalsTest, NewsIsToldAtOnceButNotMoreOftenThanEvery20Milliseconds) {
  boot({running(web)}, 10s);
  const Time before = host.now();
  host.end_vm(web, {ExitKind::kCrashed, 0});
  host.run_for(30ms);
  EXPECT_EQ(host.status(web)->phase, Phase::kPending);
  EXPECT_EQ(host.heartbeats.back(), before);
  std::vector<Action> goals;
  for (std::uint32_t slot = 0; slot < 50; ++slot) goals.push_back(running(instance_id("many", slot)));
  host.want(goals);
  host.run_for(5s);
  for (std::size_t i = 1; i < host.heartbeats.size(); ++i)
    EXPECT_GE(host.heartbeats[i] - host.heartbeats[i - 1], kCoalesceNews);
  EXPECT_LE(host.most_outstanding, kMostOutstanding);
}

TEST_F(LoopGoalsTest, ABrokenLinkIsTriedWithGrowingWaitsWhateverTheNews) {
  boot({checked(web)});
  host.link_down = true;
  host.exits_after = 100ms;  // a lot of news
  host.run_for(11s);
  const std::size_t beats = host.heartbeats.size();
  host.run_for(10min);
  EXPECT_LE(host.heartbeats.size(), beats + tries_within(10min, kLinkMaxBackoff * 4 / 5));
  host.link_down = false;
  host.exits_after.reset();
  host.run_for(6min);
  EXPECT_EQ(host.loop().report_body(), host.reported());
}

TEST_F(LoopGoalsTest, ARegisterIsTriedUntilItIsAnswered) {
  host.link_down = true;
  host.start();
  host.run_for(5min);
  EXPECT_GE(host.registers, tries_within(5min, kLinkMaxBackoff));
  EXPECT_LE(host.registers, 3 + tries_within(5min, kLinkMaxBackoff * 4 / 5));
  EXPECT_TRUE(host.heartbeats.empty());
  host.link_down = false;
  host.run_for(1min);
  EXPECT_FALSE(host.heartbeats.empty());
}

TEST_F(LoopGoalsTest, RegistersAgainWhenToldTo) {
  boot({running(web)});
  host.ask_register();
  host.run_for(20s);
  EXPECT_EQ(host.registers, 2U);
}

TEST_F(LoopGoalsTest, SendsItsBodyWhenToldTo) {
  boot({running(web)}, 5s);
  const std::uint64_t bodies = host.bodies;
  host.ask_body();
  host.run_for(20s);
  EXPECT_EQ(host.bodies, bodies + 1);
}

TEST_F(LoopGoalsTest, PushesALogStreamOnce) {
  boot({running(web)});
  for (int i = 0; i < 3; ++i) {
    host.ask_log("s1", web);
    host.run_for(20s);
  }
  host.ask_log("s2", web);
  host.run_for(20s);
  EXPECT_EQ(host.pushed, (std::vector<std::string>{"s1", "s2"}));
}

TEST_F(LoopGoalsTest, AnIdleTurnDoesNothing) {
  boot({running(web)}, 11s);
  const std::uint64_t effects = host.effects();
  host.inject(LinkFailed{77, {}});
  host.inject(VmEnded{db, 0, Exit{}, {}});
  host.inject(Published{99, {}});
  host.inject(ProbeDone{web, 12, true, ""});
  host.run_for(10ms);
  EXPECT_EQ(host.effects(), effects);
}

// ---- Signatures ----

EnsureRunning trusting(const InstanceId& id, std::vector<std::string> keys) {
  EnsureRunning goal = running(id);
  goal.trusted_keys = std::move(keys);
  return goal;
}

TEST_F(LoopGoalsTest, AnImageThatNobodyTrustedHasSignedIsNeverBooted) {
  host.signing_key = "ours";
  boot({trusting(web, {"theirs"})});
  const std::uint64_t fetches = host.fetches;
  host.run_for(1h);
  EXPECT_EQ(host.launches[web], 0U);
  EXPECT_EQ(host.fetches, fetches) << "what can never be is not tried again";
  EXPECT_EQ(host.status(web)->phase, Phase::kFailed);
  EXPECT_EQ(host.status(web)->reason, "unsigned_image");
  host.crash();
  host.start();
  host.run_for(1min);
  EXPECT_EQ(host.launches[web], 0U);
  EXPECT_EQ(host.status(web)->reason, "unsigned_image");
}

TEST_F(LoopGoalsTest, OneOfTwoTrustedKeysIsEnough) {
  host.signing_key = "ours";
  boot({trusting(web, {"ours", "theirs"})});
  EXPECT_TRUE(host.is_running(web));
}

TEST_F(LoopGoalsTest, APolicyThatComesLaterStopsNothingAndHoldsAtTheNextBoot) {
  host.signing_key = "ours";
  boot({running(web)});
  host.want({trusting(web, {"theirs"})});
  host.run_for(10min);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.launches[web], 1U);
  host.end_vm(web, Exit{ExitKind::kCrashed, 0});
  host.run_for(10min);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_EQ(host.status(web)->reason, "unsigned_image");
}

// Of two tenants that run the same image, each is asked about its own keys.
TEST_F(LoopGoalsTest, WhatOneTrustsIsNotTrustedForAnother) {
  host.signing_key = "ours";
  boot({running(db), trusting(web, {"theirs"})});
  EXPECT_TRUE(host.is_running(db));
  EXPECT_EQ(host.status(web)->reason, "unsigned_image");
}

TEST_F(LoopGoalsTest, KeysThatChangeWhileAnImageIsAskedForAreAskedAnew) {
  host.signing_key = "ours";
  host.fetch_time = 30s;
  boot({trusting(web, {"theirs"})});
  host.want({trusting(web, {"ours"})});
  host.run_for(2min);
  EXPECT_TRUE(host.is_running(web));
}

}  // namespace
}  // namespace unik::agent
