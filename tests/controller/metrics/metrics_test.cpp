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
  EXPECT_TRUE(says(metrics.text({}), "unikctl_operation_duration_seconds_count{kind=\"deploy\",state=\"failed\"} 0"))
      << "there from the start, and not counted yet";

  operation.state = OperationState::kFailed;
  operation.error = exhausted("no_eligible_node", "no room");
  record.changes = {PutOperation{{}, operation}};
  metrics.committed(record);
  const std::string text = metrics.text({});
  EXPECT_TRUE(says(text, "unikctl_operation_duration_seconds_sum{kind=\"deploy\",state=\"failed\"} 2")) << text;
  EXPECT_TRUE(says(text, "unikctl_operation_retries_sum{kind=\"deploy\"} 2")) << text;
  EXPECT_TRUE(says(text, "unikctl_operation_failures_total{kind=\"deploy\",reason=\"no_eligible_node\"} 1")) << text;
}

TEST(Metrics, RollbacksBeginAtZero) {
  const std::string text = Metrics().text({});
  for (const char* const reason : {"boot_time", "crash_loop", "progress_deadline", "restarts"})
    EXPECT_TRUE(says(text, "unikctl_rollbacks_total{reason=\"" + std::string(reason) + "\"} 0")) << text;
}

TEST(Metrics, ABootIsMeasuredOnceAndEachRestartAgain) {
  const InstanceId id{Symbol("default"), Symbol("web"), 0, 42, 1};
  InstanceStatus status;
  status.phase = Phase::kRunning;
  status.accelerator = Symbol("tcg");
  status.boot.start = std::chrono::milliseconds(300);
  Metrics metrics;
  const auto count_after = [&](Health health, int started_at) {
    status.health = health;
    status.started_at = WallTime(std::chrono::seconds(started_at));
    Record record;
    record.changes = {ObserveInstance{id, status}};
    metrics.committed(record);
    const std::string text = metrics.text({});
    constexpr std::string_view kCount = "unikctl_boot_duration_seconds_count{accelerator=\"tcg\"} ";
    const std::size_t at = text.find(kCount);
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + kCount.size()));
  };
  EXPECT_EQ(count_after(Health::kStarting, 1), 1);
  EXPECT_EQ(count_after(Health::kHealthy, 1), 1);
  EXPECT_EQ(count_after(Health::kUnhealthy, 1), 1);
  EXPECT_EQ(count_after(Health::kStarting, 2), 2);
}

TEST(Metrics, TheJournalHasALengthAndAHead) {
  World world = world_with(NodeHealth::kReady);
  world.revision = 1000;
  Metrics metrics;
  const std::string text = metrics.text(world, 900);
  EXPECT_TRUE(says(text, "unikctl_journal_records 100")) << text;
  EXPECT_TRUE(says(text, "unikctl_journal_head 1000")) << text;
}

}  // namespace
}  // namespace unik::controller
