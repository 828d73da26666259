#include "controller/core/diff.hpp"

#include <gtest/gtest.h>

namespace unik::controller {
namespace {

// What a node has stored of another line of history says nothing about the goals of this one.
TEST(Diff, GoalsOfAnotherHistoryAreNotTheseGoals) {
  World world;
  world.cluster.cluster_id = "cluster";
  world.cluster.epoch = {2, 1};
  EXPECT_TRUE(has_stored(world, Stamp{"cluster", {2, 1}, 7}, 7));
  EXPECT_TRUE(has_stored(world, Stamp{"cluster", {2, 1}, 8}, 7));
  EXPECT_FALSE(has_stored(world, Stamp{"cluster", {2, 1}, 6}, 7));
  EXPECT_FALSE(has_stored(world, Stamp{"cluster", {1, 1}, 9}, 7));
  EXPECT_FALSE(has_stored(world, Stamp{"another", {2, 1}, 9}, 7));
}

// The room of what stops is its own until it has been seen gone; what has ended and is never started again has none.
TEST(Diff, RoomIsTakenUntilAnInstanceIsGone) {
  InstanceRow row;
  InstanceStatus status;
  status.phase = Phase::kRunning;
  row.status = status;
  EXPECT_TRUE(takes_room(row));
  row.goal = InstanceGoal::kStop;
  EXPECT_TRUE(takes_room(row));
  status.phase = Phase::kExited;
  row.status = status;
  EXPECT_FALSE(takes_room(row));
}

}  // namespace
}  // namespace unik::controller
