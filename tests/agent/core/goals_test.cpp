#include "agent/core/goals.hpp"

#include <gtest/gtest.h>

#include "tests/agent/goals_builder.hpp"

namespace unik::agent {
namespace {

using Traces = std::set<std::string>;

TEST(Goals, GoBackToTheRequestsOfWhatDiffers) {
  const InstanceId web = instance_id("web");
  const InstanceId db = instance_id("db");
  const Goals none;
  const Goals both{{"c1", {}, 1}, {EnsureImage{kImage}, running(db), running(web)}, {{web, "a"}, {db, "b"}}};
  EXPECT_EQ(traces_between(none, both), (Traces{"a", "b"}));
  EXPECT_EQ(traces_between(both, both), Traces{});

  Goals one_stops = both;
  one_stops.actions[2] = absent(web);
  one_stops.traces[web] = "c";
  EXPECT_EQ(traces_between(both, one_stops), Traces{"c"}) << "the other goal stays as it was";

  Goals one_gone = one_stops;
  one_gone.actions.pop_back();
  one_gone.traces.erase(web);
  EXPECT_EQ(traces_between(one_stops, one_gone), Traces{"c"}) << "what is named no more was last another's";

  Goals other_pace = both;
  std::get<EnsureRunning>(other_pace.actions[1]).run.stop_timeout = std::chrono::seconds(1);
  EXPECT_EQ(traces_between(both, other_pace), Traces{"b"});
}

// What has to be signed is not opened before somebody has looked.
TEST(Goals, SayWhichImagesMayBootUnsigned) {
  EnsureRunning open = running(instance_id("web"));
  EnsureRunning closed = running(instance_id("bank"));
  closed.boot.image = "bank@sha256:11";
  closed.trusted_keys = {"RWQa"};
  const Goals goals{{"c1", {}, 1}, {EnsureImage{"early@sha256:22"}, open, closed}, {}};
  EXPECT_EQ(unsigned_images(goals), (std::set<std::string>{kImage, "early@sha256:22"}));
  EXPECT_EQ(image_names(goals).size(), 3U);
}

TEST(Goals, OfNobodysRequestGoBackToNone) {
  const Goals goals{{"c1", {}, 1}, {running(instance_id("web"))}};
  EXPECT_EQ(traces_between({}, goals), Traces{});
}

}  // namespace
}  // namespace unik::agent
