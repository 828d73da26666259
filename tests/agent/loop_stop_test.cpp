// Stopping, health, and what the forwarder is told on the way.
#include <gtest/gtest.h>

#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

class LoopStopTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(broken(host), ""); }

  void boot(std::vector<Action> actions, Duration time = 2s) {
    host.start();
    host.want(std::move(actions));
    host.run_for(time);
  }
  std::vector<Duration> stop_times() const {
    std::vector<Duration> times;
    for (const auto& [at, step] : host.stops) times.push_back(at - host.stops.front().first);
    return times;
  }
  std::vector<StopStep> stop_steps() const {
    std::vector<StopStep> steps;
    for (const auto& [at, step] : host.stops) steps.push_back(step);
    return steps;
  }

  SimulatedHost host;
  InstanceId web = instance_id("web");
};

TEST_F(LoopStopTest, AsksAndThatIsEnough) {
  boot({running(web)});
  host.want({absent(web)});
  host.run_for(1min);
  EXPECT_EQ(stop_steps(), std::vector{StopStep::kAsk});
}

TEST_F(LoopStopTest, AsksQuitsAndKillsUntilItIsGone) {
  boot({running(web)});
  host.heeds_ask = host.heeds_quit = host.heeds_kill = false;
  host.want({absent(web, 3s)});
  host.run_for(17s);
  EXPECT_EQ(stop_steps(),
            (std::vector{StopStep::kAsk, StopStep::kQuit, StopStep::kKill, StopStep::kKill, StopStep::kKill}));
  EXPECT_EQ(stop_times(), (std::vector<Duration>{0s, 3s, 5s, 10s, 15s}));
  EXPECT_EQ(host.status(web)->reason, "stopping");
  host.heeds_kill = true;
  host.run_for(10s);
  EXPECT_FALSE(host.status(web));
}

TEST_F(LoopStopTest, ABootingVmIsStoppedToo) {
  host.boots = false;
  boot({running(web)});
  host.want({absent(web, 1s)});
  host.run_for(5s);
  EXPECT_TRUE(host.vms.empty());
}

TEST_F(LoopStopTest, AStopBegunByTheAgentBeforeIsBegunAgain) {
  boot({running(web)});
  host.heeds_ask = false;
  host.want({absent(web)});
  host.run_for(5s);
  host.crash();
  host.start();
  host.heeds_ask = true;
  host.run_for(1s);
  EXPECT_TRUE(host.vms.empty());
}

TEST_F(LoopStopTest, WhatIsWantedAgainWhileItStopsIsStartedAgain) {
  boot({running(web)});
  host.heeds_ask = host.heeds_quit = false;
  host.want({absent(web, 1s)});
  host.run_for(500ms);
  host.want({running(web)});
  host.run_for(20s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.launches[web], 2U);
}

// ---- The forwarder

TEST_F(LoopStopTest, LeavesTheTableBeforeItIsAsked) {
  boot({published(running(web), 18080)});
  ASSERT_EQ(host.backends_of(web), std::set<std::string>{"http"});
  host.want({absent(web)});
  host.run_for(1s);  // the simulated host checks the order
  EXPECT_TRUE(host.vms.empty());
  EXPECT_TRUE(host.table.empty());
}

TEST_F(LoopStopTest, AnswersWhatItWasAskedBeforeItIsAsked) {
  boot({published(running(web), 18080)});
  host.in_flight.insert(web);
  host.want({absent(web, 5s)});
  host.run_for(3s);
  EXPECT_TRUE(host.table.empty());
  EXPECT_TRUE(host.is_running(web)) << "a client still waits for its answer";
  host.in_flight.clear();
  host.tell_published();
  host.run_for(100ms);
  EXPECT_FALSE(host.is_running(web));
}

TEST_F(LoopStopTest, AClientThatIsNeverAnsweredHoldsUpAStopForABoundedTime) {
  boot({published(running(web), 18080)});
  host.in_flight.insert(web);
  host.want({absent(web, 5s)});
  host.run_for(4800ms);
  EXPECT_TRUE(host.is_running(web));
  host.run_for(500ms);
  EXPECT_FALSE(host.is_running(web));
}

TEST_F(LoopStopTest, LeavesTheTableOfTheAgentBefore) {
  boot({published(running(web), 18080)});
  host.link_down = true;
  host.crash();
  host.record.goals.actions = {absent(web)};  // stored, and the agent died at once
  host.start();
  host.run_for(1s);
  EXPECT_TRUE(host.vms.empty());
  EXPECT_TRUE(host.table.empty());
}

TEST_F(LoopStopTest, ADeadForwarderHoldsUpAStopForABoundedTime) {
  boot({published(running(web), 18080)});
  host.forwarder_dead = true;
  host.want({absent(web)});
  host.run_for(kWithdrawWait - 100ms);
  EXPECT_TRUE(host.is_running(web));
  host.run_for(200ms);
  EXPECT_FALSE(host.is_running(web));
}

TEST_F(LoopStopTest, SendsTheTableAgainUntilItIsAcknowledged) {
  host.forwarder_dead = true;
  boot({published(running(web), 18080)}, 10s);
  host.forwarder_dead = false;
  host.run_for(1min);
  EXPECT_EQ(host.backends_of(web), std::set<std::string>{"http"});
  ASSERT_EQ(host.reported().publications.size(), 1U);
  EXPECT_EQ(host.reported().publications[0].host_port, 18080);
}

TEST_F(LoopStopTest, KeepsThePortThatWasPicked) {
  boot({published(running(web), std::nullopt)});
  const std::uint16_t port = host.reported().publications.at(0).host_port;
  ASSERT_NE(port, 0);
  ASSERT_EQ(host.record.ports.size(), 1U);
  host.crash();
  host.start();
  host.run_for(1s);
  ASSERT_EQ(host.table.size(), 1U);
  EXPECT_EQ(host.table[0].publication.host_port, port);
}

TEST_F(LoopStopTest, PicksAnotherPortWhenItsOwnCannotBeHadAgain) {
  boot({published(running(web), std::nullopt)});
  host.crash();
  host.taken_ports.insert(host.record.ports.at(0).host_port);
  host.start();
  host.run_for(20s);
  EXPECT_NE(host.reported().publications.at(0).host_port, 0);
  EXPECT_EQ(host.reported().publications.at(0).problem, "");
}

TEST_F(LoopStopTest, TriesAPortAgainThatWasTaken) {
  host.taken_ports.insert(18080);
  boot({published(running(web), 18080)});
  EXPECT_EQ(host.reported().publications.at(0).problem, "port in use");
  host.taken_ports.clear();
  host.run_for(2min);
  EXPECT_EQ(host.reported().publications.at(0).problem, "");
}

TEST_F(LoopStopTest, ForgetsThePortOfAnAppThatIsGone) {
  boot({published(running(web), std::nullopt)});
  host.want({absent(web)});
  host.run_for(5s);
  EXPECT_TRUE(host.record.ports.empty());
}

// ---- Health

TEST_F(LoopStopTest, TakesTrafficOnlyOnceHealthy) {
  host.unhealthy.insert(web);
  boot({published(checked(web), 18080)});
  EXPECT_EQ(host.status(web)->health, Health::kStarting);
  EXPECT_TRUE(host.backends_of(web).empty());
  ASSERT_EQ(host.table.size(), 1U);  // its port is open all the same
  host.unhealthy.clear();
  host.run_for(2s);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EXPECT_FALSE(host.backends_of(web).empty());
  EXPECT_GT(host.status(web)->boot.healthy, host.status(web)->boot.total);
}

TEST_F(LoopStopTest, IsHealthyWithinMillisecondsOfItsStart) {
  boot({checked(web)});
  EXPECT_EQ(host.status(web)->boot.healthy, 300ms + kFirstProbeDelay + 1ms);
}

TEST_F(LoopStopTest, RestartsWhatIsUnhealthyAndNamesIt) {
  boot({published(checked(web), 18080)});
  host.unhealthy.insert(web);
  host.run_for(3s);
  EXPECT_EQ(host.status(web)->reason, "unhealthy");
  EXPECT_EQ(host.status(web)->restarts, 1U);
  host.unhealthy.clear();
  host.run_for(5s);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EXPECT_EQ(host.launches[web], 2U);
}

TEST_F(LoopStopTest, ToleratesFewerFailuresThanItsThreshold) {
  boot({checked(web)});
  host.unhealthy.insert(web);
  host.run_for(2s);
  host.unhealthy.clear();
  host.run_for(10s);
  EXPECT_EQ(host.launches[web], 1U);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
}

TEST_F(LoopStopTest, TellsWhyAStartTakesLong) {
  host.unhealthy.insert(web);
  boot({checked(web)}, 2s);
  EXPECT_EQ(host.status(web)->message, "") << "most apps are not there at the first probe";
  host.run_for(2500ms);
  EXPECT_EQ(host.status(web)->health, Health::kStarting);
  EXPECT_EQ(host.status(web)->message, "health check: GET / answered 503");
  host.unhealthy.clear();
  host.run_for(2s);
  EXPECT_EQ(host.status(web)->message, "");
}

TEST_F(LoopStopTest, CountsNoFailureOfTheGrace) {
  host.unhealthy.insert(web);
  boot({checked(web)}, 5s);
  EXPECT_EQ(host.status(web)->health, Health::kStarting);
  EXPECT_EQ(host.launches[web], 1U);
  host.run_for(5s);
  EXPECT_GE(host.status(web)->restarts, 1U);
}

TEST_F(LoopStopTest, RestartsAnUnhealthyAppThatExitsCleanlyWhenAsked) {
  EnsureRunning goal = checked(web);
  goal.run.restart.policy = RestartPolicy::kOnFailure;
  boot({goal});
  host.unhealthy.insert(web);
  host.run_for(4s);
  host.unhealthy.clear();
  host.run_for(5s);
  EXPECT_EQ(host.launches[web], 2U);
}

TEST_F(LoopStopTest, AChangedGoalEndsNoUnhealthyAppThatExitedCleanlyWhenAsked) {
  EnsureRunning goal = checked(web);
  goal.run.restart.policy = RestartPolicy::kOnFailure;
  goal.run.restart.backoff = 60s;
  boot({goal});
  host.unhealthy.insert(web);
  host.run_for(5s);
  ASSERT_EQ(host.status(web)->restarts, 1U);
  host.unhealthy.clear();
  goal.run.health->grace = 30s;
  host.want({goal});
  host.run_for(1s);
  EXPECT_EQ(host.status(web)->phase, Phase::kPending);
  host.run_for(90s);
  EXPECT_EQ(host.launches[web], 2U);
}

TEST_F(LoopStopTest, LeavesAnUnhealthyAppRunningThatIsNeverRestarted) {
  EnsureRunning goal = published(checked(web), 18080);
  goal.run.restart.policy = RestartPolicy::kNever;
  boot({goal});
  host.unhealthy.insert(web);
  host.run_for(20s);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.status(web)->health, Health::kUnhealthy);
  EXPECT_EQ(host.status(web)->message, "health check: GET / answered 503");
  EXPECT_TRUE(host.backends_of(web).empty());
}

TEST_F(LoopStopTest, ALostProbeIsAFailedOne) {
  boot({checked(web)});
  host.unanswered.insert(web);
  host.run_for(30s);
  EXPECT_GE(host.status(web)->restarts, 1U);
}

TEST_F(LoopStopTest, ARestartOfTheAgentKeepsServiceAndHealth) {
  boot({published(checked(web), 18080)});
  host.crash();
  host.start();
  host.run_for(0s);
  EXPECT_FALSE(host.backends_of(web).empty());
  host.run_for(10s);
  EXPECT_EQ(host.status(web)->health, Health::kHealthy);
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopStopTest, AnUnhealthyVmThatIsAdoptedDoesNotKeepItsTraffic) {
  boot({published(checked(web), 18080)});
  host.crash();
  host.unhealthy.insert(web);
  host.start();
  host.run_for(1s);
  EXPECT_TRUE(host.backends_of(web).empty());
  EXPECT_EQ(host.status(web)->health, Health::kStarting);
}

}  // namespace
}  // namespace unik::agent
