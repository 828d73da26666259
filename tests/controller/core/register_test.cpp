#include <gtest/gtest.h>

#include "api/lease.hpp"
#include "controller/core/node_watch.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

RegisterRequest request_of(std::uint64_t start) {
  RegisterRequest request;
  request.node = "n1";
  request.agent_id = "a1";
  request.agent_start = start;
  request.info.capacity = {MilliCpu{2000}, mebibytes(1024)};
  return request;
}

std::uint64_t micros(WallTime at) {
  return static_cast<std::uint64_t>(at.time_since_epoch().count());
}

TEST(Register, RefusesAStartThatNoneCouldFollow) {
  const WallTime now{std::chrono::hours(500'000)};
  EXPECT_TRUE(check_register(request_of(micros(now)), now).ok());
  EXPECT_TRUE(check_register(request_of(micros(now + std::chrono::hours(24 * 365))), now).ok());
  const WallTime ten_years_on = now + std::chrono::hours(24 * 365 * 10);
  EXPECT_TRUE(check_register(request_of(micros(ten_years_on)), now).ok());
  for (const std::uint64_t start : {UINT64_MAX, UINT64_MAX / 2, micros(now) * 2, micros(ten_years_on) + 1}) {
    const Result<void> refused = check_register(request_of(start), now);
    ASSERT_FALSE(refused.ok()) << start;
    EXPECT_EQ(refused.error().reason, "bad_agent_start");
  }
}

TEST(Register, RefusesALabelByWhichANodeWouldPoseAsAnother) {
  RegisterRequest request = request_of(1);
  request.labels = {{"zone", "a"}};
  const WallTime now{std::chrono::hours(500'000)};
  EXPECT_TRUE(check_register(request, now).ok());
  request.labels["unikctl.dev/name"] = "n2";
  const Result<void> refused = check_register(request, now);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "bad_label");
}

TEST(Register, RefusesANodeOfNoSize) {
  const WallTime now{std::chrono::hours(500'000)};
  for (const Resources capacity : {Resources{}, Resources{MilliCpu{1}, Bytes{}}, Resources{MilliCpu{-1}, Bytes{1}}}) {
    RegisterRequest request = request_of(1);
    request.info.capacity = capacity;
    const Result<void> refused = check_register(request, now);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, "bad_capacity");
  }
}

TEST(Register, TellsAnOlderStartWhetherTheLaterOneIsSilent) {
  PlannedWorld planned;
  RegisterReply reply;
  const auto ask = [&](std::uint64_t start) {
    planned.step([&](Draft& draft) { reply = admit_register(draft, request_of(start)).value(); });
    return reply;
  };
  ask(9);
  planned.report("n1", {});
  EXPECT_EQ(ask(5).newer_start, 9U);
  EXPECT_FALSE(reply.newer_is_silent);
  planned.pass(std::chrono::minutes(1));
  planned.plan();
  EXPECT_EQ(ask(5).newer_start, 9U);
  EXPECT_TRUE(reply.newer_is_silent);
}

TEST(Register, RefusesAnAgentWithoutAnId) {
  const WallTime now{std::chrono::hours(500'000)};
  for (const std::string& id : {std::string(), std::string("A b"), std::string(65, 'a')}) {
    RegisterRequest request = request_of(1);
    request.agent_id = id;
    const Result<void> refused = check_register(request, now);
    ASSERT_FALSE(refused.ok()) << id;
    EXPECT_EQ(refused.error().reason, "bad_agent_id");
  }
}

// A `PlannedWorld` whose one node is that of agent `a1`, which reports.
struct TakenName : PlannedWorld {
  TakenName() {
    EXPECT_TRUE(ask("a1", 9).ok());
    report("n1", {});
  }
  Result<RegisterReply> ask(const std::string& agent, std::uint64_t start) {
    Result<RegisterReply> reply = internal("unasked", "");
    step([&](Draft& draft) {
      RegisterRequest request = request_of(start);
      request.agent_id = agent;
      reply = admit_register(draft, request);
    });
    return reply;
  }
};

TEST(Register, KeepsANameForTheAgentThatReportsUnderIt) {
  EXPECT_EQ(kSilenceLimit, std::chrono::seconds(40));
  TakenName world;
  const Result<RegisterReply> refused = world.ask("b2", 10);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "node_name_taken");
  EXPECT_TRUE(world.ask("a1", 10).ok());
  world.pass(kSilenceLimit - std::chrono::seconds(1));
  world.plan();
  EXPECT_FALSE(world.ask("b2", 11).ok());
  world.pass(std::chrono::seconds(2));
  world.plan();
  const Result<RegisterReply> taken = world.ask("b2", 11);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->newer_start, 0U);
  world.report("n1", {});
  EXPECT_FALSE(world.ask("a1", 12).ok()) << "now it is the other's";
}

TEST(Register, KeepsANameForAsLongAsAStrictSingletonMayRunUnderIt) {
  EXPECT_EQ(kStrictLease + kStrictMargin, std::chrono::seconds(75));
  TakenName world;
  App one = PlannedWorld::app("one");
  one.spec.boot.singleton = Singleton::kStrict;
  world.deploy(one);
  world.plan();
  world.pass(kStrictLease + kStrictMargin - std::chrono::seconds(2));
  world.plan();
  EXPECT_FALSE(world.ask("b2", 11).ok());
  world.pass(std::chrono::seconds(3));
  world.plan();
  EXPECT_TRUE(world.ask("b2", 11).ok());
}

}  // namespace
}  // namespace unik::controller
