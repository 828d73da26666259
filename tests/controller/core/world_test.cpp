#include "controller/core/world.hpp"

#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

TEST(World, HoldsAStatusThatANodeReportedOnce) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 3));
  for (int report = 1; report <= 2; ++report) {
    planned.report_all();
    const Shared<SeenBody>& seen = planned.world().observed.find(Symbol("n1"))->report->body;
    ASSERT_EQ(seen->instances.size(), 3U);
    for (const SeenInstance& one : seen->instances) {
      const InstanceRow& row = planned.row(one.id);
      EXPECT_EQ(row.status->phase, Phase::kRunning);
      EXPECT_EQ(&*row.status, &*one.status) << "report " << report;
    }
  }
}

TEST(World, SharesThePagesOfItsQueueOfBuilds) {
  PlannedWorld planned;
  Operation build;
  build.kind = OperationKind::kBuild;
  build.target = {Symbol("default"), Symbol("web")};
  const OperationKey key{planned.world().revision, 0};
  apply(planned.world(), PutOperation{key, build});
  World stored = planned.world();
  derive(stored);
  ASSERT_NE(stored.unfinished_builds.find(key), planned.world().unfinished_builds.find(key));
  share_tables(stored, planned.world());
  EXPECT_EQ(stored.unfinished_builds.find(key), planned.world().unfinished_builds.find(key));
}

}  // namespace
}  // namespace unik::controller
