// What the controller's silence does to strict singletons, and to apps with `stopOnClientAfter`.
#include <gtest/gtest.h>

#include "agent/core/lease.hpp"
#include "api/lease.hpp"
#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

EnsureRunning strict(const InstanceId& id) {
  EnsureRunning goal = running(id);
  goal.boot.singleton = Singleton::kStrict;
  return goal;
}

class LoopLeaseTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(broken(host), ""); }

  void boot(std::vector<Action> actions) {
    host.start();
    host.want(std::move(actions));
    host.run_for(35s);
    ASSERT_TRUE(host.is_running(web));
  }
  // The newest heartbeat: the answer to the one before has named it.
  Time last_renewed() const { return host.heartbeats.back(); }
  Time last_answered() const { return host.heartbeats[host.heartbeats.size() - 2]; }

  SimulatedHost host;
  InstanceId web = instance_id("web");
};

TEST_F(LoopLeaseTest, AStrictSingletonStopsByItselfBeforeItsLeaseRunsOut) {
  EXPECT_EQ(kStrictLease, 60s);
  EXPECT_EQ(kStrictMargin, 15s);
  boot({strict(web)});
  const Time renewed = last_renewed();
  host.link_down = true;
  host.run_for(90s);
  ASSERT_FALSE(host.stops.empty());
  EXPECT_EQ(host.stops.front().second, StopStep::kAsk);
  EXPECT_LT(host.stops.front().first, renewed + kStrictLease);
  EXPECT_GT(host.stops.front().first, renewed + kStrictLease / 2);
  EXPECT_FALSE(host.is_running(web));
  EXPECT_EQ(host.launches[web], 1U);
}

TEST_F(LoopLeaseTest, ItGoesOnWhenTheControllerSaysSo) {
  boot({strict(web)});
  host.link_down = true;
  host.run_for(90s);
  EXPECT_FALSE(host.is_running(web));
  host.link_down = false;
  host.run_for(2min);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_EQ(host.launches[web], 2U);
  EXPECT_NE(host.status(web)->reason, "crash_loop");
}

TEST_F(LoopLeaseTest, AJobThatWasStoppedIsNotRunAgain) {
  EnsureRunning job = strict(web);
  job.run.restart.policy = RestartPolicy::kNever;
  boot({job});
  host.link_down = true;
  host.run_for(90s);
  host.link_down = false;
  host.run_for(2min);
  EXPECT_FALSE(host.is_running(web));
  EXPECT_EQ(host.status(web)->phase, Phase::kFailed);
  EXPECT_EQ(host.status(web)->reason, "controller_silent");
}

TEST_F(LoopLeaseTest, WithoutAnAgentItsGuardEndsIt) {
  boot({strict(web)});
  const Time renewed = last_renewed();
  host.crash();
  host.run_for(renewed + kStrictLease - host.now() - 1ms);
  EXPECT_TRUE(host.is_running(web));
  host.run_for(2ms);
  EXPECT_FALSE(host.is_running(web));
}

// What the agent before was told is over: only a word of the controller itself lets a strict singleton start.
TEST_F(LoopLeaseTest, AnAgentThatComesBackStartsNothingStrictByItself) {
  boot({strict(web), running(instance_id("api"))});
  host.crash();
  host.lose_vm(web);
  host.lose_vm(instance_id("api"));
  host.link_down = true;
  host.start();
  host.run_for(1min);
  EXPECT_FALSE(host.is_running(web));
  EXPECT_TRUE(host.is_running(instance_id("api")));
  host.link_down = false;
  host.run_for(1min);
  EXPECT_TRUE(host.is_running(web));
}

// It was adopted, has no health check that would wake anybody, and is still asked before its guard ends it.
TEST_F(LoopLeaseTest, AnAdoptedOneIsStoppedGentlyToo) {
  boot({strict(web)});
  host.crash();
  host.start();
  host.run_for(30s);
  ASSERT_TRUE(host.is_running(web));
  host.stops.clear();
  host.link_down = true;
  host.run_for(90s);
  ASSERT_FALSE(host.stops.empty());
  EXPECT_EQ(host.stops.front().second, StopStep::kAsk);
  EXPECT_FALSE(host.is_running(web));
}

// A controller that holds goals back, since it may have lost some, answers and renews nothing.
TEST_F(LoopLeaseTest, AnAnswerThatRenewsNothingKeepsNothing) {
  boot({strict(web), running(instance_id("api"))});
  host.renews_nothing = true;
  host.run_for(90s);
  EXPECT_FALSE(host.is_running(web));
  EXPECT_TRUE(host.is_running(instance_id("api")));
  EXPECT_EQ(host.status(web)->reason, "controller_silent");
  host.renews_nothing = false;
  host.run_for(1min);
  EXPECT_TRUE(host.is_running(web));
}

// The agent that has the node's name runs what is placed there, and nobody else would ever stop it here.
TEST_F(LoopLeaseTest, WhatRunsUnderALostNameIsStopped) {
  EXPECT_EQ(kNameLost, 5min);
  boot({running(web)});
  host.refusal = conflict("node_name_taken", "another agent has this name");
  host.ask_register();
  host.run_for(kNameLost - 10s);
  EXPECT_TRUE(host.is_running(web)) << "whoever has the name may still leave";
  host.run_for(30s);
  EXPECT_FALSE(host.is_running(web));
  ASSERT_FALSE(host.stops.empty());
  EXPECT_EQ(host.stops.front().second, StopStep::kAsk);
  EXPECT_EQ(host.launches[web], 1U);
  host.refusal.reset();
  host.run_for(1min);
  EXPECT_TRUE(host.is_running(web)) << "the name is this one's again";
}

TEST_F(LoopLeaseTest, AControllerThatIsAwayTakesNoName) {
  boot({running(web)});
  host.refusal = conflict("node_name_taken", "another agent has this name");
  host.ask_register();
  host.run_for(1min);
  host.link_down = true;
  host.run_for(1h);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_TRUE(host.stops.empty());
}

TEST_F(LoopLeaseTest, OthersAreLeftAlone) {
  boot({running(web)});
  host.link_down = true;
  host.run_for(1h);
  EXPECT_TRUE(host.is_running(web));
  EXPECT_TRUE(host.stops.empty());
}

TEST_F(LoopLeaseTest, StopsOnClientAfterSoMuchSilence) {
  EnsureRunning goal = running(web);
  goal.stop_when_silent = 2min;
  boot({goal});
  const Time heard = last_answered();
  host.link_down = true;
  host.run_for(5min);
  ASSERT_FALSE(host.stops.empty());
  EXPECT_EQ(host.stops.front().first, heard + 2min);
  EXPECT_FALSE(host.is_running(web));
  EXPECT_EQ(host.loop().report_body().instances.front().status.reason, "controller_silent");
  host.link_down = false;
  host.run_for(2min);
  EXPECT_TRUE(host.is_running(web));
}

// An agent that was killed counts from its own start: it does not know how long the silence has been.
TEST_F(LoopLeaseTest, SilenceBeginsAnewWithTheAgent) {
  EnsureRunning goal = running(web);
  goal.stop_when_silent = 2min;
  boot({goal});
  host.link_down = true;
  host.run_for(90s);
  host.crash();
  host.start();
  host.run_for(110s);
  EXPECT_TRUE(host.is_running(web));
  host.run_for(20s);
  EXPECT_FALSE(host.is_running(web));
}

}  // namespace
}  // namespace unik::agent
