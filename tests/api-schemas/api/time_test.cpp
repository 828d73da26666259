#include "api/time.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace unik {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsSumsOfUnits) {
  const std::pair<std::string_view, Duration> cases[] = {{"0s", 0s},       {"5s", 5s},        {"250ms", 250ms},
                                                         {"1h30m", 90min}, {"1us", 1us},      {"1m1ms", 1min + 1ms},
                                                         {"90m", 90min},   {"87600h", 87600h}};
  for (const auto& [text, value] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration.ok()) << text;
    EXPECT_EQ(*duration, value) << text;
  }
}

TEST(Duration, RefusesNumbersWithoutUnitSignsAndAges) {
  for (const std::string_view text :
       {"", "5", "s", "-5s", "+5s", "5 s", "1.5h", "5d", "99999999999999999999h", "5s ", "1h30"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(duration.error().reason, "bad_duration");
  }
  for (const std::string_view text : {"87601h", "87600h1us", "9999999999h"})
    EXPECT_EQ(parse_duration(text).error().reason, "duration_too_long") << text;
  EXPECT_EQ(parse_duration("999999h").error().message, "want a duration of at most 87600h, got `999999h`");
}

TEST(Duration, PrintsTheShortestExactForm) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(1500ms), "1s500ms");
  EXPECT_EQ(format_duration(7us), "7us");
}

TEST(Duration, ReadsBackWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const Duration duration(*rc::gen::inRange<std::int64_t>(0, Duration(87600h).count() + 1));
    RC_ASSERT(parse_duration(format_duration(duration)).value() == duration);
  }));
}

TEST(WallTime, PrintsMillisecondsInUtc) {
  EXPECT_EQ(format_wall_time(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_wall_time(WallTime(Duration(1'700'000'000'004'999))), "2023-11-14T22:13:20.004Z");
}

TEST(WallTime, ReadsUpToSixDigitsOfFraction) {
  EXPECT_EQ(parse_wall_time("2023-11-14T22:13:20Z").value(), WallTime(1'700'000'000s));
  EXPECT_EQ(parse_wall_time("2023-11-14T22:13:20.5Z").value(), WallTime(1'700'000'000'500ms));
  EXPECT_EQ(parse_wall_time("2023-11-14T22:13:20.000007Z").value(), WallTime(1'700'000'000s + 7us));
  EXPECT_EQ(parse_wall_time("2024-02-29T00:00:00Z").value().time_since_epoch(), 1'709'164'800s);
}

TEST(WallTime, RefusesWhatIsNoTimeInUtc) {
  for (const std::string_view text :
       {"", "now", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20+01:00", "2023-11-14 22:13:20Z",
        "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z",
        "2023-11-14T22:13:60Z", "2023-11-14T22:13:20.0000001Z", "2023-11-14T22:13:20Zz", "-023-11-14T22:13:20Z"})
    EXPECT_FALSE(parse_wall_time(text).ok()) << text;
}

TEST(WallTime, ReadsBackWhatItPrints) {
  EXPECT_TRUE(rc::check([] {
    const WallTime time(std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 253'402'300'799'999)));
    RC_ASSERT(parse_wall_time(format_wall_time(time)).value() == time);
  }));
}

TEST(Age, IsOneNumberThatFitsATable) {
  EXPECT_EQ(format_age(-1s), "0s");
  EXPECT_EQ(format_age(119s), "119s");
  EXPECT_EQ(format_age(120s), "2m");
  EXPECT_EQ(format_age(2h), "2h");
  EXPECT_EQ(format_age(47h), "47h");
  EXPECT_EQ(format_age(48h), "2d");
}

}  // namespace
}  // namespace unik
