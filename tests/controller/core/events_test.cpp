#include "controller/core/events.hpp"

#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

std::vector<std::string> told(const PlannedWorld& planned, const Plan& plan, std::uint64_t seq) {
  Record record;
  record.seq = seq;
  record.at = planned.now().wall;
  record.changes = plan.changes;
  std::vector<std::string> lines;
  for (const EventView& event : events_of(record))
    lines.push_back(event.object + " " + event.reason + (event.message.empty() ? "" : ": " + event.message));
  return lines;
}

TEST(Events, TellOfANewTenantThatItWasCreated) {
  PlannedWorld planned;
  const auto declare = [&](std::uint32_t instances) {
    const std::uint64_t seq = planned.world().revision + 1;
    planned.pass(std::chrono::seconds(1));
    const Plan plan = planned.step([&](Draft& draft) {
      Tenant tenant;
      tenant.metadata.name = "team-a";
      tenant.spec.quota.instances = instances;
      ApplyRequest request;
      request.resources.emplace_back(tenant);
      ASSERT_TRUE(admit_apply(draft, request).ok());
    });
    return told(planned, plan, seq);
  };
  EXPECT_EQ(declare(1), std::vector<std::string>{"tenant/team-a created: generation 1"});
  EXPECT_EQ(declare(2), std::vector<std::string>{"tenant/team-a changed: generation 2"});
}

TEST(Events, TellOfANewTemplateOnce) {
  PlannedWorld planned;
  planned.add_node("n1");
  planned.deploy(PlannedWorld::app("web", 0));
  planned.pass(std::chrono::seconds(1));
  const std::uint64_t seq = planned.world().revision + 1;
  const Plan plan = planned.step([&](Draft& draft) {
    ApplyRequest request;
    request.resources.emplace_back(PlannedWorld::app("web", 0, "2"));
    ASSERT_TRUE(admit_apply(draft, request).ok());
  });
  const std::vector<std::string> lines = told(planned, plan, seq);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), "app/web rollout: generation 2 has a new template");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), lines.front()), 1);
  EXPECT_EQ(lines.back(), "app/web rollout_done: rollout " + std::to_string(seq) + " is done");
}

TEST(Events, OfWhatStopsWithoutANodeNameNone) {
  PlannedWorld planned;
  planned.deploy(PlannedWorld::app("web"));
  const std::uint64_t seq = planned.world().revision + 1;
  Plan plan = planned.step([&](Draft& draft) {
    ASSERT_TRUE(admit_delete(draft, {Kind::kApp, "default", {"web"}, ""}).ok());
  });
  for (const std::string& line : told(planned, plan, seq)) EXPECT_FALSE(line.ends_with("on ")) << line;
}

}  // namespace
}  // namespace unik::controller
