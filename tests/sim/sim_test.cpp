// Runs the simulator over many seeds.
//
//   sim_test --seeds 10000       more of them
//   sim_test --seed 4711         one again, with what broke; --gtest_filter names the test that it failed in
//   sim_test --seed 4711 --journal FILE    and with its records

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include "tests/point_stride.hpp"
#include "tests/sim/seeds.hpp"
#include "tests/sim/simulation.hpp"

namespace unik::sim {
namespace {

constexpr std::uint64_t kSeeds = 300 / kPointStride;

Options options_for(std::uint64_t seed) {
  Options options;
  options.seed = seed;
  options.agents = 1 + static_cast<int>(seed % 7);
  options.apps = 1 + static_cast<int>(seed % 5);
  if (seed % 3 == 0) options.max_operations = 1 + static_cast<std::uint32_t>(seed % 2);
  if (seed % 6 == 5) options.resync_every = std::chrono::hours(10);  // nothing may wait for one
  if (seed % 4 == 0) options.max_changes = 1 + static_cast<std::size_t>(seed % 5);
  return options;
}

const char* g_journal = nullptr;

// What broke, and how to see it again.
std::string describe(std::uint64_t seed, const Outcome& outcome) {
  const ::testing::TestInfo* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string text = "seed " + std::to_string(seed) + " (replay: sim_test --seed " + std::to_string(seed) +
                     " --gtest_filter=" + test->test_suite_name() + "." + test->name() + ")";
  for (const std::string& one : outcome.broken) text += "\n  " + one;
  if (g_journal != nullptr) {
    std::ofstream file(g_journal);
    for (const std::string& line : outcome.journal) file << line << "\n";
  }
  return text;
}

TEST(Simulation, HoldsOnEverySeed) {
  std::uint64_t boots = 0;
  std::uint64_t crashes = 0;
  std::uint64_t refused = 0;
  std::uint64_t strays = 0;
  std::uint64_t strict_boots = 0;
  std::uint64_t replans = 0;
  const auto [first, last] = seeds(kSeeds);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Outcome outcome = simulate(options_for(seed));
    EXPECT_TRUE(outcome.broken.empty()) << describe(seed, outcome);
    boots += outcome.boots;
    crashes += outcome.controller_crashes + outcome.agent_crashes;
    refused += outcome.stale_goals_refused;
    strays += outcome.strays;
    strict_boots += outcome.strict_boots;
    replans += outcome.replans;
  }
  std::cout << last - first + 1 << " seeds: " << boots << " boots, " << crashes << " crashes, " << refused
            << " stale goals refused, " << strays << " strays, " << strict_boots << " boots of strict singletons\n";
  if (g_only > 0) return;
  // A simulator in which nothing happens would find nothing.
  EXPECT_GT(boots, last);
  EXPECT_GT(crashes, last);
  EXPECT_GT(refused, 0U);
  EXPECT_GT(strays, 0U);
  EXPECT_GT(strict_boots, 0U);
  EXPECT_GT(replans, 0U);
}

TEST(Simulation, BuildsHoldOnEverySeed) {
  std::uint64_t begun = 0, ended = 0, built = 0, crashes = 0;
  const auto [first, last] = seeds(kSeeds / 3, 3);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options = options_for(seed);
    options.builds = true;
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << describe(seed, outcome);
    begun += outcome.builds_begun;
    ended += outcome.builds_ended;
    built += outcome.built;
    crashes += outcome.controller_crashes;
  }
  std::cout << begun << " builds begun, " << ended << " ended, " << built << " deployed, " << crashes
            << " crashes of the controller\n";
  if (g_only > 0) return;
  EXPECT_GT(built, last);
  EXPECT_GT(ended, built) << "some cannot be built";
  EXPECT_GT(begun, ended) << "some are interrupted, or replaced";
}

TEST(Simulation, TheSameSeedGivesTheSameJournal) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome one = simulate(options_for(seed));
    const Outcome two = simulate(options_for(seed));
    EXPECT_FALSE(one.journal.empty());
    EXPECT_EQ(one.journal, two.journal) << "seed " << seed;
  }
}

// Fleets of `agents` on these seeds.
void hold_fleets(Range range, int agents, int apps) {
  std::uint64_t boots = 0;
  std::uint64_t crashes = 0;
  std::uint64_t declared = 0;
  const auto [first, last] = range;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options = options_for(seed);
    options.agents = agents;
    options.apps = apps;
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << describe(seed, outcome);
    boots += outcome.boots;
    crashes += outcome.controller_crashes + outcome.agent_crashes;
    declared += outcome.declared;
  }
  std::cout << last - first + 1 << " seeds: " << boots << " boots, " << crashes << " crashes, " << declared
            << " instances in the end\n";
  if (g_only > 0) return;
  EXPECT_GT(boots, last);
  EXPECT_GT(crashes, last);
}

// Users, faults and instances grow with the fleet.
TEST(Simulation, TwoHundredAgents) {
  hold_fleets(seeds(kPointStride > 1 ? 2 : 16, 10), 200, 100);
}

// More than placement looks at as a whole.
TEST(Simulation, ThousandAgents) {
  hold_fleets(seeds(1, 100), 1000, 200);
}

// Fault 14: an old copy of the store is put back; nothing is destroyed that nobody decided on, strict singletons run
// never twice, and the fleet converges.
TEST(Simulation, SurvivesARestoredBackup) {
  std::uint64_t quarantined = 0;
  std::uint64_t adopted = 0;
  std::uint64_t strict_boots = 0;
  const auto [first, last] = seeds(kSeeds / 3, 3);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Options options = options_for(seed);
    options.restore = true;
    options.quiet = std::chrono::minutes(5);
    const Outcome outcome = simulate(options);
    EXPECT_TRUE(outcome.broken.empty()) << describe(seed, outcome);
    quarantined += outcome.quarantined;
    adopted += outcome.adopted;
    strict_boots += outcome.strict_boots;
  }
  std::cout << quarantined << " quarantined, of which " << adopted << " adopted; " << strict_boots
            << " boots of strict singletons\n";
  if (g_only > 0) return;
  EXPECT_GT(quarantined, 0U);
  EXPECT_GT(strict_boots, 0U);
}

// Each planted bug must be caught by some seed of the first hundred: the checks can fail.
struct Planted {
  PlantedBug bug;
  const char* name;
  const char* noticed;         // what the check that it is meant for says
  Drill drill = Drill::kNone;  // what brings it to light; chance does where there is none
};

class PlantedBugs : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedBugs, AreCaught) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Options options = options_for(seed);
    options.bug = GetParam().bug;
    options.restore = options.bug == PlantedBug::kRestoreUnseen || options.bug == PlantedBug::kHeldBackRenewals;
    options.drill = GetParam().drill;
    if (options.bug == PlantedBug::kForgottenWaiters) options.resync_every = std::chrono::hours(1);
    if (options.drill != Drill::kNone) options.agents = 5, options.apps = 6, options.faulty = std::chrono::minutes(10);
    for (const std::string& broken : simulate(options).broken) {
      if (broken.find(GetParam().noticed) == std::string::npos) continue;
      std::cout << "caught by seed " << seed << ": " << broken << "\n";
      return;
    }
  }
  FAIL() << "no seed noticed the bug";
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedBugs,
    ::testing::Values(
        Planted{PlantedBug::kNoStrayBucket, "NoStrayBucket", "nobody wants it"},
        Planted{PlantedBug::kNoFencing, "NoFencing", "went back from goals"},
        Planted{PlantedBug::kSendBeforeCommit, "SendBeforeCommit", "before it was durable"},
        Planted{PlantedBug::kAbsentWithoutStamp, "AbsentWithoutStamp", "nobody wants it"},
        Planted{PlantedBug::kRestoreUnseen, "RestoreUnseen", "not noticed that its history"},
        Planted{PlantedBug::kNoGuards, "NoGuards", "twice", Drill::kDeadAgent},
        Planted{PlantedBug::kBlindRenewals, "BlindRenewals", "twice", Drill::kLongFlap},
        Planted{PlantedBug::kHeldBackRenewals, "HeldBackRenewals", "without a lease"},
        Planted{PlantedBug::kBoastfulNodes, "BoastfulNodes", "capacity"},
        Planted{PlantedBug::kNoQuota, "NoQuota", "quota"},
        Planted{PlantedBug::kEagerReports, "EagerReports", "successor"},
        Planted{PlantedBug::kNamesakesLetIn, "NamesakesLetIn", "namesake: ", Drill::kNamesake},
        Planted{PlantedBug::kNamesWithoutLease, "NamesWithoutLease", "namesake: the strict", Drill::kNamesake},
        Planted{PlantedBug::kForgottenWaiters, "ForgottenWaiters", "a plan of everything", Drill::kLateRoom},
        Planted{PlantedBug::kContagion, "Contagion", "churn: ", Drill::kLongFlap},
        Planted{PlantedBug::kEchoes, "Echoes", "brake: ", Drill::kAllSilent},
        Planted{PlantedBug::kReadAhead, "ReadAhead", "reader: "},
        Planted{PlantedBug::kDeafNode, "DeafNode", "still being"},
        Planted{PlantedBug::kEarlyAbsence, "EarlyAbsence", "the controller forgot"},
        Planted{PlantedBug::kEarlyAbsence, "EmptyBeforeSeen", "is said to be empty and runs", Drill::kDrain},
        Planted{PlantedBug::kHastyRollouts, "HastyRollouts", "for a rollout, and"},
        Planted{PlantedBug::kHastyMoves, "HastyMoves", "for a move, and"},
        Planted{PlantedBug::kDeafToPauses, "DeafToPauses", "paused: "},
        Planted{PlantedBug::kNoGates, "NoGates", "gate: "},
        Planted{PlantedBug::kCrowdedSlots, "CrowdedSlots", "strict: "},
        Planted{PlantedBug::kBoundlessSurge, "BoundlessSurge", "surge: "},
        Planted{PlantedBug::kBoundlessSurge, "NoCanaries", "canary: "},
        Planted{PlantedBug::kBlindPlacement, "BlindPlacement", "has the taint"},
        Planted{PlantedBug::kQueueJumpers, "QueueJumpers", "waited for its turn"},
        Planted{PlantedBug::kMiscount, "Miscount", "a recount gives other sums"},
        Planted{PlantedBug::kLooseTables, "LooseTables", "folding the journal"}),
    [](const auto& planted) { return planted.param.name; });

}  // namespace
}  // namespace unik::sim

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--journal" && i + 1 < argc) {
      unik::sim::g_journal = argv[i + 1];
      continue;
    }
    char* end = nullptr;
    const std::uint64_t value = i + 1 < argc ? std::strtoull(argv[i + 1], &end, 10) : 0;
    if ((name != "--seed" && name != "--seeds") || value == 0 || *end != '\0') {
      std::cerr << "want --seed N, --seeds N or --journal FILE with N of at least 1, got `" << name << "`\n";
      return 2;
    }
    (name == "--seed" ? unik::sim::g_only : unik::sim::g_seeds) = value;
  }
  return RUN_ALL_TESTS();
}
