#include "controller/core/retention.hpp"

#include <gtest/gtest.h>

#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(Retention, AnAnswerIsKeptForADay) {
  PlannedWorld planned;
  planned.step([](Draft& draft) { draft.change(PutAnswer{"key", AnswerRow{42, {}, draft.now().wall}}); });
  planned.pass(kAnswerLifetime);
  planned.step([](Draft& draft) { drop_expired(draft); });
  EXPECT_TRUE(planned.world().answers.contains("key"));
  planned.pass(seconds(1));
  planned.step([](Draft& draft) { drop_expired(draft); });
  EXPECT_FALSE(planned.world().answers.contains("key"));
  EXPECT_EQ(kAnswerLifetime, hours(24));
}

TEST(Retention, AnAppKeepsItsNewestTemplates) {
  PlannedWorld planned;
  planned.add_node("n1");
  std::vector<std::uint64_t> rollouts;
  for (std::size_t version = 1; version <= kMaxHistory + 3; ++version) {
    planned.deploy(PlannedWorld::app("web", 1, std::to_string(version)));
    rollouts.push_back(planned.world().apps.find({Symbol("default"), Symbol("web")})->rollout);
    for (int turn = 0; turn < 4; ++turn) planned.report_all();
  }
  const AppRow* const web = planned.world().apps.find({Symbol("default"), Symbol("web")});
  std::vector<std::uint64_t> kept;
  for (const TemplateNote& note : web->history) kept.push_back(note.rollout);
  std::sort(kept.begin(), kept.end());
  EXPECT_EQ(kept, std::vector<std::uint64_t>(rollouts.begin() + 3, rollouts.end()));
  for (const std::uint64_t rollout : kept)
    EXPECT_TRUE(planned.world().templates.contains({{Symbol("default"), Symbol("web")}, rollout})) << rollout;
  EXPECT_EQ(planned.world().templates.size(), kMaxHistory);
  EXPECT_EQ(kMaxHistory, 10U);
}

}  // namespace
}  // namespace unik::controller
