#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

RegisterRequest request_of(std::uint64_t start) {
  RegisterRequest request;
  request.node = "n1";
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
  for (const std::uint64_t start : {UINT64_MAX, UINT64_MAX / 2, micros(now) * 2}) {
    const Result<void> refused = check_register(request_of(start), now);
    ASSERT_FALSE(refused.ok()) << start;
    EXPECT_EQ(refused.error().reason, "bad_agent_start");
  }
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
    planned.step([&](Draft& draft) { reply = admit_register(draft, request_of(start)); });
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

}  // namespace
}  // namespace unik::controller
