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

}  // namespace
}  // namespace unik::controller
