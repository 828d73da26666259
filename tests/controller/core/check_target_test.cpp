// A health check belongs to the template: each instance is asked what it was born to answer.
#include <gtest/gtest.h>

#include "controller/core/diff.hpp"
#include "controller/core/goals.hpp"
#include "controller/core/steer.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

App checked(std::uint16_t port, const std::string& version) {
  App app = PlannedWorld::app("web", 1, version);
  app.spec.boot.ports = {{"http", port}};
  app.spec.run.health->port = port;
  return app;
}

// By the rollout of the instance: the port that its goal has checked, 0 for none.
std::map<std::uint64_t, std::uint16_t> checked_ports(PlannedWorld& world) {
  std::map<std::uint64_t, std::uint16_t> ports;
  for (const Action& action : goals_of(world.world(), Symbol("n1")).actions)
    if (const auto* goal = std::get_if<EnsureRunning>(&action))
      ports[goal->id.rollout] = goal->run.health ? goal->run.health->port : 0;
  return ports;
}

std::vector<std::uint16_t> values(const std::map<std::uint64_t, std::uint16_t>& map) {
  std::vector<std::uint16_t> list;
  for (const auto& [key, value] : map) list.push_back(value);
  return list;
}

class CheckTargetTest : public testing::Test {
 protected:
  void SetUp() override {
    world.add_node("n1");
    world.deploy(checked(8080, "1"));
    world.report_all();
  }
  PlannedWorld world;
};

TEST_F(CheckTargetTest, AnotherPortRollsOutWithTheProgramThatListensThere) {
  world.deploy(checked(8081, "2"));
  EXPECT_EQ(values(checked_ports(world)), (std::vector<std::uint16_t>{8080, 8081}));
}

TEST_F(CheckTargetTest, AnotherPortAloneIsARolloutToo) {
  world.deploy(checked(8081, "1"));
  EXPECT_EQ(values(checked_ports(world)), (std::vector<std::uint16_t>{8080, 8081}));
}

TEST_F(CheckTargetTest, AnotherPaceIsNone) {
  App slower = checked(8080, "1");
  slower.spec.run.health->interval = std::chrono::minutes(1);
  world.deploy(slower);
  EXPECT_EQ(values(checked_ports(world)), std::vector<std::uint16_t>{8080});
}

TEST_F(CheckTargetTest, ACheckThatComesOrGoesTouchesNoOldInstance) {
  App bare = PlannedWorld::app("web", 1, "2");
  bare.spec.run.health.reset();
  world.deploy(bare);
  EXPECT_EQ(values(checked_ports(world)), (std::vector<std::uint16_t>{8080, 0}));
}

TEST_F(CheckTargetTest, AWayBackBringsItsCheckBack) {
  world.report_all();
  world.deploy(checked(8081, "2"));
  world.step([](Draft& draft) {
    EXPECT_TRUE(admit_rollout(draft, {{Symbol("default"), Symbol("web")}, RolloutVerb::kRollback, {}, "trace"}).ok());
  });
  EXPECT_EQ(world.world().apps.find({Symbol("default"), Symbol("web")})->app->spec.run.health->port, 8080);
}

// An app that needs its 200 s of grace would else be killed by the rollback that was to save it.
TEST_F(CheckTargetTest, AWayBackOverAnAppWithoutACheckBringsItsPaceBackToo) {
  App patient = checked(8080, "3");
  patient.spec.run.health->grace = std::chrono::seconds(200);
  patient.spec.run.health->failures = 7;
  world.deploy(patient);
  world.report_all();
  world.report_all();
  App bare = checked(8080, "4");
  bare.spec.run.health.reset();
  world.deploy(bare);
  int looked_at = 0;
  for (const Action& action : goals_of(world.world(), Symbol("n1")).actions)
    if (const auto* goal = std::get_if<EnsureRunning>(&action); goal != nullptr && goal->run.health) {
      EXPECT_EQ(goal->run.health, patient.spec.run.health) << "while the other rolls out";
      ++looked_at;
    }
  EXPECT_EQ(looked_at, 1);
  world.report_all();
  world.report_all();
  world.step([](Draft& draft) {
    EXPECT_TRUE(admit_rollout(draft, {{Symbol("default"), Symbol("web")}, RolloutVerb::kRollback, {}, "trace"}).ok());
  });
  const App& app = *world.world().apps.find({Symbol("default"), Symbol("web")})->app;
  EXPECT_EQ(app.spec.run.health, patient.spec.run.health);
}

TEST_F(CheckTargetTest, ARestartOfWhatWasGoneBackToKeepsItsPace) {
  App patient = checked(8080, "3");
  patient.spec.run.health->grace = std::chrono::seconds(200);
  world.deploy(patient);
  world.report_all();
  world.report_all();
  App bare = checked(8080, "4");
  bare.spec.run.health.reset();
  world.deploy(bare);
  const auto steer = [&](RolloutVerb verb) {
    world.step([&](Draft& draft) {
      EXPECT_TRUE(admit_rollout(draft, {{Symbol("default"), Symbol("web")}, verb, {}, "trace"}).ok());
    });
    world.report_all();
    world.report_all();
  };
  steer(RolloutVerb::kAbort);
  steer(RolloutVerb::kRestart);
  int looked_at = 0;
  for (const Action& action : goals_of(world.world(), Symbol("n1")).actions)
    if (const auto* goal = std::get_if<EnsureRunning>(&action); goal != nullptr) {
      EXPECT_EQ(goal->run.health, patient.spec.run.health);
      ++looked_at;
    }
  EXPECT_EQ(looked_at, 1);
}

TEST_F(CheckTargetTest, ATemplateOfAnOlderStoreIsAskedWhatTheAppDeclares) {
  const AppName web{Symbol("default"), Symbol("web")};
  const std::uint64_t rollout = world.world().apps.find(web)->rollout;
  BootSpec old = **world.world().templates.find({web, rollout});
  old.check = CheckTarget{};
  world.world().templates.set({web, rollout}, Shared<BootSpec>(old));
  EXPECT_EQ(values(checked_ports(world)), std::vector<std::uint16_t>{8080});
  EXPECT_TRUE(runs_what_is_declared(world.world(), *world.world().apps.find(web)));
  EXPECT_EQ(world.deploy(checked(8080, "1")).operation_id.empty(), false);
  EXPECT_EQ(world.world().apps.find(web)->rollout, rollout) << "nothing is replaced for it";
}

}  // namespace
}  // namespace unik::controller
