#include "controller/loop.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace unik::controller {
namespace {

TEST(Loop, RefusesTheChangeThatIsOneTooManyAndKeepsTheOthers) {
  World world;
  apply(world, first_record("cluster", {}));
  Loop loop(std::move(world), {});
  const Now now{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  std::vector<Event> events;
  for (RequestId id = 1; id <= kMaxWaiting + 1; ++id) {
    MutationAsked asked;
    asked.id = id;
    asked.mutation = DeleteRequest{Kind::kApp, "default", {"none"}, "trace"};
    events.emplace_back(std::move(asked));
  }
  std::vector<RequestId> exhausted;
  std::size_t answered = 0;
  for (const Effect& effect : loop.turn(now, events).list) {
    const auto* const reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) continue;
    const auto* const error = std::get_if<Error>(&reply->answer);
    ASSERT_NE(error, nullptr);
    ++answered;
    if (error->code == ErrorCode::kExhausted) exhausted.push_back(reply->id);
  }
  EXPECT_EQ(exhausted, std::vector<RequestId>{kMaxWaiting + 1});
  EXPECT_GT(answered, 1U) << "the others are at work";
}

}  // namespace
}  // namespace unik::controller
