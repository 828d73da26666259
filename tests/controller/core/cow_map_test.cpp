#include "controller/core/cow_map.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace unik::controller {
namespace {

using Map = CowMap<int, std::string>;

std::map<int, std::string> contents(const Map& map) {
  return {map.begin(), map.end()};
}

TEST(CowMap, IsEmptyAtFirst) {
  const Map map;
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.find(1), nullptr);
  EXPECT_EQ(map.begin(), map.end());
  EXPECT_EQ(map.lower_bound(0), map.end());
}

TEST(CowMap, ACopyKeepsWhatItWas) {
  Map map;
  for (int i = 0; i < 1000; ++i) map.set(i, "old");
  const Map copy = map;
  for (int i = 0; i < 1000; i += 7) map.set(i, "new");
  map.erase(3);
  EXPECT_EQ(copy.size(), 1000U);
  for (const auto& [key, value] : copy) EXPECT_EQ(value, "old") << key;
  EXPECT_EQ(*map.find(7), "new");
  EXPECT_FALSE(map.contains(3));
}

TEST(CowMap, MutateDoesNotReachOtherCopies) {
  Map map;
  map.set(1, "a");
  const Map copy = map;
  *map.mutate(1) = "b";
  EXPECT_EQ(*copy.find(1), "a");
  EXPECT_EQ(*map.find(1), "b");
  EXPECT_EQ(map.mutate(2), nullptr);
}

TEST(CowMap, KeysInOrderFillPages) {
  Map map;
  for (int i = 0; i < 10'000; ++i) map.set(i, "x");
  int expected = 0;
  for (const auto& [key, value] : map) EXPECT_EQ(key, expected++);
  EXPECT_EQ(expected, 10'000);
}

TEST(CowMap, APageThatIsFullGivesWayInTheMiddle) {
  constexpr int kRows = 10 * static_cast<int>(Map::kPageRows);
  Map map;
  for (int i = 0; i < kRows; ++i) map.set(2 * i, "even");
  const Map copy = map;
  for (int i = 0; i < kRows; ++i) map.set(2 * i + 1, "odd");
  int expected = 0;
  for (const auto& [key, value] : map) {
    EXPECT_EQ(key, expected++);
    EXPECT_EQ(value, key % 2 == 0 ? "even" : "odd");
  }
  EXPECT_EQ(expected, 2 * kRows);
  EXPECT_EQ(copy.size(), static_cast<std::size_t>(kRows));
}

// Against the map that it must equal, over long random runs, with copies taken on the way.
TEST(CowMap, BehavesAsAnOrderedMap) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Map map;
    std::map<int, std::string> model;
    Map kept;
    std::map<int, std::string> kept_model;
    for (int step = 0; step < 5000; ++step) {
      const int key = static_cast<int>(random() % 700);
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
        case 3:
          map.set(key, std::to_string(step));
          model[key] = std::to_string(step);
          break;
        case 4:
        case 5:
          ASSERT_EQ(map.erase(key), model.erase(key) == 1);
          break;
        case 6: {
          const auto wanted = model.lower_bound(key);
          const auto found = map.lower_bound(key);
          ASSERT_EQ(found == map.end(), wanted == model.end());
          if (wanted != model.end()) {
            ASSERT_EQ(found->first, wanted->first);
          }
          break;
        }
        case 7:
          ASSERT_EQ(contents(kept), kept_model);
          kept = map;
          kept_model = model;
          break;
      }
      ASSERT_EQ(map.size(), model.size());
    }
    ASSERT_EQ(contents(map), model) << "seed " << seed;
  }
}

}  // namespace
}  // namespace unik::controller
