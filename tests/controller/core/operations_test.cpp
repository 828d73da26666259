#include "controller/core/operations.hpp"

#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

TEST(Operations, ADeployIsDoneWhenItsInstancesServe) {
  PlannedWorld planned;
  planned.add_node("n1");
  const Operation deploy = planned.deploy(PlannedWorld::app("web", 2));
  EXPECT_EQ(planned.operation(deploy).state, OperationState::kRunning);
  planned.report_all();
  EXPECT_EQ(planned.operation(deploy).state, OperationState::kSucceeded);
}

TEST(Operations, ADestroyIsDoneWhenTheLastInstanceIsGone) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 2));
  planned.report_all();
  const Operation destroy = planned.destroy("web");
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kRunning);
  planned.report_all();
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kSucceeded);
  EXPECT_TRUE(planned.instances("web").empty());
}

TEST(Operations, ADestroyWaitsForItsOwnInstancesAlsoWhenANamesakeIsThere) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 2));
  planned.report_all();
  const std::vector<InstanceId> old = planned.instances("web");
  const Operation destroy = planned.destroy("web");
  const Operation again = planned.deploy(PlannedWorld::app("web", 1));
  // The node has not said that the old ones are gone.
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kRunning) << planned.operation(destroy).message;

  planned.report_all();
  EXPECT_EQ(planned.operation(destroy).state, OperationState::kSucceeded);
  for (const InstanceId& id : old) EXPECT_FALSE(planned.world().instances.contains(id)) << to_string(id);
  planned.report_all();
  EXPECT_EQ(planned.operation(again).state, OperationState::kSucceeded) << planned.operation(again).message;
}

}  // namespace
}  // namespace unik::controller
