#include "controller/metrics/metrics.hpp"

#include <gtest/gtest.h>

namespace unik::controller {
namespace {

bool says(const std::string& text, const std::string& sample) {
  return ("\n" + text).find("\n" + sample + "\n") != std::string::npos;
}

World world_with(NodeHealth health) {
  World world;
  NodeRow row;
  row.node = Node{};
  row.health = health;
  apply(world, PutNode{row});
  return world;
}

TEST(Metrics, AGaugeOfEachHealthFollowsANodeThatIsLostAndComesBack) {
  Metrics metrics;
  const std::string before = metrics.text(world_with(NodeHealth::kReady));
  EXPECT_TRUE(says(before, "unikctl_nodes{health=\"ready\"} 1")) << before;
  EXPECT_TRUE(says(before, "unikctl_nodes{health=\"lost\"} 0")) << before;
  EXPECT_TRUE(says(metrics.text(world_with(NodeHealth::kLost)), "unikctl_nodes{health=\"lost\"} 1"));
  EXPECT_TRUE(says(metrics.text(world_with(NodeHealth::kReady)), "unikctl_nodes{health=\"lost\"} 0"));
}

TEST(Metrics, AnOperationIsCountedWhenItHasEnded) {
  Operation operation;
  operation.kind = OperationKind::kDeploy;
  operation.state = OperationState::kRunning;
  operation.attempts = 3;
  operation.updated_at = operation.created_at + std::chrono::seconds(2);
  Metrics metrics;
  Record record;
  record.changes = {PutOperation{{}, operation}};
  metrics.committed(record);
  EXPECT_EQ(metrics.text({}).find("unikctl_operation_duration_seconds_count"), std::string::npos);

  operation.state = OperationState::kFailed;
  operation.error = exhausted("no_eligible_node", "no room");
  record.changes = {PutOperation{{}, operation}};
  metrics.committed(record);
  const std::string text = metrics.text({});
  EXPECT_TRUE(says(text, "unikctl_operation_duration_seconds_sum{kind=\"deploy\",state=\"failed\"} 2")) << text;
  EXPECT_TRUE(says(text, "unikctl_operation_retries_sum{kind=\"deploy\"} 2")) << text;
  EXPECT_TRUE(says(text, "unikctl_operation_failures_total{kind=\"deploy\",reason=\"no_eligible_node\"} 1")) << text;
}

}  // namespace
}  // namespace unik::controller
