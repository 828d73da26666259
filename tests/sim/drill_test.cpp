// One fault at a time, and exactly what it may and may not move: faults 4, 5, 7 to 11 and 17 to 20, and an agent of
// the same name.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/point_stride.hpp"
#include "tests/sim/seeds.hpp"
#include "tests/sim/simulation.hpp"

namespace unik::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Options drill(Drill drill, Duration length) {
  Options options;
  options.agents = 5;
  options.apps = 6;
  options.faulty = length;
  options.quiet = minutes(5);
  options.network_faults = options.crashes = options.disk_faults = options.clock_jumps = false;
  options.drill = drill;
  return options;
}

std::string describe(const Outcome& outcome) {
  std::string text;
  for (const std::string& one : outcome.broken) text += "\n  " + one;
  return text;
}

constexpr std::uint64_t kInstances = 18;  // six apps of three

constexpr std::uint64_t kHandful = 10 / kPointStride + 1;

// The drill on each of these seeds.
template <typename Check>
void hold_on(Range range, Options options, Check check) {
  for (options.seed = range.first; options.seed <= range.last; ++options.seed) {
    SCOPED_TRACE("seed " + std::to_string(options.seed));
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << describe(outcome);
    check(outcome);
  }
}

TEST(Drills, AFlappingNodeThatIsNeverMissedMovesNothing) {
  hold_on(seeds(kHandful), drill(Drill::kFlap, minutes(11)), [](const Outcome& outcome) {
    EXPECT_EQ(outcome.placed, kInstances);
    EXPECT_EQ(outcome.boots, kInstances);
  });
}

// Its instances are replaced once, and it gets nothing new while it keeps coming back.
TEST(Drills, ANodeThatIsLostAgainAndAgainMovesOneRound) {
  hold_on(seeds(kHandful), drill(Drill::kLongFlap, minutes(25)), [](const Outcome& outcome) {
    EXPECT_GT(outcome.placed, kInstances);
    EXPECT_LE(outcome.placed, kInstances + 4) << "more than what ran on one of five nodes";
  });
}

// The VMs of a dead agent go on; the strict ones are ended by their guards, and all are replaced once.
TEST(Drills, WhatADeadAgentLeavesIsTakenOver) {
  hold_on(seeds(kHandful), drill(Drill::kDeadAgent, minutes(10)), [](const Outcome& outcome) {
    EXPECT_GT(outcome.placed, kInstances);
    EXPECT_LE(outcome.placed, kInstances + 4);
    EXPECT_GT(outcome.strict_boots, kInstances / 2);
  });
}

TEST(Drills, WhenAllHeartbeatsAreLostNothingMovesThatMayRunTwice) {
  Options options = drill(Drill::kAllSilent, minutes(8));
  options.apps = 1;  // no strict singleton among them: those stop by themselves
  hold_on(seeds(kHandful), options, [](const Outcome& outcome) {
    EXPECT_EQ(outcome.placed, 3U);
    EXPECT_EQ(outcome.boots, 3U);
  });
}

TEST(Drills, WhenAllHeartbeatsAreLostStrictSingletonsStopAndGoOnWhereTheyWere) {
  hold_on(seeds(kHandful), drill(Drill::kAllSilent, minutes(8)), [](const Outcome& outcome) {
    EXPECT_EQ(outcome.placed, kInstances);
    EXPECT_EQ(outcome.boots, kInstances + kInstances / 2);
  });
}

// Fault 18.
TEST(Drills, ADrainWithoutRoomWaitsForItsDeadlineAndEndsWhenItIsSeenEmpty) {
  hold_on(seeds(20 / kPointStride + 1), drill(Drill::kDrain, minutes(11)), [](const Outcome&) {});
}

// Fault 19: every app goes back once to what was there before; where that has become bad too, nothing more is tried.
TEST(Drills, ARolloutThatCannotGoOnGoesBackOnce) {
  hold_on(seeds(30 / kPointStride), drill(Drill::kBadRollout, minutes(8)),
          [](const Outcome& outcome) { EXPECT_EQ(outcome.rollbacks, 6U); });
}

// A plan of what has moved comes to what a plan of everything would: nothing else looks at the app again.
TEST(Drills, RoomThatComesLateIsTakenWithoutALookAtEverything) {
  Options options = drill(Drill::kLateRoom, minutes(9));
  options.resync_every = std::chrono::hours(1);
  hold_on(seeds(kHandful), options, [](const Outcome& outcome) { EXPECT_EQ(outcome.placed, kInstances + 3); });
}

// Fault 20, as far as the loop is concerned: whoever reads holds up nobody, and no plan is stale when it is committed.
TEST(Drills, AThousandListsAtOnceHoldUpNobody) {
  hold_on(seeds(kHandful), drill(Drill::kReaders, minutes(4)), [](const Outcome& outcome) {
    EXPECT_EQ(outcome.lists, 1000U);
    EXPECT_EQ(outcome.placed, 3 * kInstances) << "every app was changed twice meanwhile";
    EXPECT_EQ(outcome.replans, 0U);
  });
}

// Fault 5.
TEST(Drills, WhatWasChangedWhileItsNodeWasAwayIsReplacedOnReturn) {
  hold_on(seeds(10 / kPointStride + 1), drill(Drill::kUnheardUpdate, minutes(6)),
          [](const Outcome& outcome) { EXPECT_EQ(outcome.placed, 2 * kInstances) << "each is replaced once"; });
}

// Fault 11: what was replaced meanwhile is stopped, and no strict singleton serves beside its successor.
TEST(Drills, AHostThatSleptServesNothingThatWasReplaced) {
  hold_on(seeds(10 / kPointStride + 1), drill(Drill::kSuspended, minutes(13)), [](const Outcome& outcome) {
    EXPECT_GT(outcome.placed, kInstances);
    EXPECT_LE(outcome.placed, kInstances + 4) << "more than what ran on one of five nodes";
  });
}

// Fault 10: leases, silence and readiness are counted on a clock that does not jump.
TEST(Drills, WallClocksThatJumpByADayMoveNothing) {
  hold_on(seeds(kHandful), drill(Drill::kClockJumps, minutes(8)), [](const Outcome& outcome) {
    EXPECT_EQ(outcome.boots, kInstances);
    EXPECT_EQ(outcome.moved, 0U);
  });
}

// Its VMs are left alone while it is heard; a namesake gets the name, and what is placed there, when it is not.
TEST(Drills, ANodesNameStaysWithTheAgentThatReports) {
  std::uint64_t passed = 0;
  std::uint64_t stayed = 0;
  std::uint64_t passed_in_doubt = 0;
  std::uint64_t in_doubt = 0;
  const auto [first, last] = seeds(200 / kPointStride);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options = drill(Drill::kNamesake, minutes(8));
    options.seed = seed;
    options.apps = 1 + static_cast<int>(seed % 6);
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << "seed " << seed << describe(outcome);
    in_doubt += outcome.names_in_doubt;
    if (outcome.names_in_doubt > 0) passed_in_doubt += outcome.names_passed;
    if (outcome.names_in_doubt > 0) continue;
    (outcome.names_passed > 0 ? passed : stayed) += 1;
    if (outcome.names_passed > 0) continue;
    EXPECT_EQ(outcome.placed, outcome.declared) << "seed " << seed;
  }
  std::cout << passed << " names passed over, " << stayed << " stayed, of " << in_doubt << " in doubt "
            << passed_in_doubt << " passed over\n";
  if (last - first < 150) return;
  EXPECT_GT(passed, 20U);
  EXPECT_GT(stayed, 60U);
  EXPECT_GT(passed_in_doubt, 10U);
  EXPECT_GT(in_doubt - passed_in_doubt, 10U);
}

// Fault 9: a controller that has heard nobody yet counts every lease from its start, and its answers come in time. All
// come back within a few seconds, since they wait alike; from then on each has its own place in the interval.
TEST(Drills, AfterAColdStartNoLeaseIsLostAndNothingMoves) {
  const auto [first, last] = seeds(3, 100);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options = drill(Drill::kColdStart, minutes(3));
    options.seed = seed;
    options.away = seconds(10);
    options.agents = 300;
    options.apps = 100;
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << "seed " << seed << describe(outcome);
    EXPECT_EQ(outcome.declared, 300U);
    EXPECT_EQ(outcome.boots, outcome.declared) << "a VM was stopped";
    EXPECT_EQ(outcome.strict_boots, outcome.declared / 2);
    EXPECT_EQ(outcome.placed, outcome.declared);
    EXPECT_EQ(outcome.moved, 0U);
    const auto back = outcome.heartbeats.begin() + options.away / seconds(1);
    EXPECT_GT(*std::max_element(back, back + 10), 150U) << "that was no storm";
    // Of 300 agents with 10 s between two heartbeats 30 come in a second.
    EXPECT_LT(*std::max_element(back + 15, back + 120), 60U);
  }
}

// Of a lease 10 s may have passed when the controller goes, and the agents try every 5 s.
TEST(Drills, AnAbsenceOf25SecondsStopsNoStrictSingleton) {
  const auto [first, last] = seeds(100 / kPointStride);
  for (const Drill kind : {Drill::kColdStart, Drill::kAllSilent})
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      Options options = drill(kind, minutes(3));
      options.seed = seed;
      options.agents = 7;
      options.away = seconds(20 + seed % 6);
      const Outcome outcome = simulate(options);
      EXPECT_TRUE(outcome.broken.empty()) << "seed " << seed << describe(outcome);
      EXPECT_EQ(outcome.strict_boots, kInstances / 2) << "seed " << seed << ", away for " << options.away / seconds(1);
      EXPECT_EQ(outcome.boots, kInstances) << "seed " << seed;
      EXPECT_EQ(outcome.placed, kInstances) << "seed " << seed;
    }
}

TEST(Drills, ACrowdAtTheQuotasEdgeNeverPassesIt) {
  Options options = drill(Drill::kQuotaEdge, minutes(3));
  options.apps = 2;
  hold_on(seeds(kHandful), options, [](const Outcome& outcome) {
    EXPECT_GE(outcome.declared, 18U);
    EXPECT_LE(outcome.declared, 20U);
    EXPECT_GT(outcome.refused, 50U);
  });
}

}  // namespace
}  // namespace unik::sim
