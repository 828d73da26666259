// kill -9 at every point of a script: of the controller before and after each write of its journal and each reply, of
// an agent before and after each of its effects, the write of its record among them.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/sim/scripted_run.hpp"

namespace unik::sim {
namespace {

std::string describe(const ScriptOutcome& outcome) {
  std::string text;
  for (const std::string& one : outcome.broken) text += "\n  " + one;
  return text;
}

// Each death leaves what no death leaves, and no VM has booted once more or once less for it.
void expect_the_same_end(Victim victim, std::uint64_t least_points) {
  const ScriptOutcome calm = run_script(victim, std::nullopt);
  ASSERT_TRUE(calm.broken.empty()) << describe(calm);
  ASSERT_FALSE(calm.died);
  // What the script leaves is no empty world.
  ASSERT_NE(calm.state.find("default/web slot 0 attempt 1 run 0 runs"), std::string::npos) << calm.state;
  ASSERT_EQ(calm.state.find("default/other slot"), std::string::npos) << calm.state;
  ASSERT_NE(calm.state.find("default/built slot 0 attempt 1 run 0 runs"), std::string::npos) << calm.state;
  ASSERT_NE(calm.state.find("key-7"), std::string::npos) << calm.state;
  EXPECT_GE(calm.points, least_points) << "the script has lost its points";
  for (std::uint64_t point = 1; point <= calm.points; ++point) {
    const ScriptOutcome outcome = run_script(victim, point);
    ASSERT_TRUE(outcome.died) << "point " << point;
    EXPECT_TRUE(outcome.broken.empty()) << "point " << point << describe(outcome);
    EXPECT_EQ(outcome.state, calm.state) << "point " << point;
    EXPECT_EQ(outcome.boots, calm.boots) << "point " << point;
  }
  std::cout << calm.points << " points, " << calm.boots << " boots in each run\n";
}

TEST(EnumeratedDeaths, OfTheController) {
  expect_the_same_end(Victim::kController, 150);
}

TEST(EnumeratedDeaths, OfAnAgent) {
  expect_the_same_end(Victim::kAgent, 150);
}

TEST(EnumeratedDeaths, WouldNoticeARequestThatTookEffectTwice) {
  const ScriptOutcome calm = run_script(Victim::kController, std::nullopt);
  std::uint64_t noticed = 0;
  for (std::uint64_t point = 1; point <= calm.points; ++point) {
    const ScriptOutcome outcome = run_script(Victim::kController, point, User::kForgetful);
    if (!outcome.broken.empty() || outcome.state != calm.state) ++noticed;
  }
  EXPECT_GT(noticed, 0U);
}

}  // namespace
}  // namespace unik::sim
