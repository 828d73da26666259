// Plays every file of tests/scenarios and compares what the controller decides with what the file expects, as text.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controller/core/diff.hpp"
#include "tests/scenarios/scenario.hpp"

namespace unik::controller::scenario {
namespace {

namespace fs = std::filesystem;

// Tests run from the top of the checkout.
const fs::path kFolder = "tests/scenarios";

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(kFolder))
    if (entry.path().extension() == ".yaml") found.push_back(fs::relative(entry.path(), kFolder));
  std::sort(found.begin(), found.end());
  return found;
}

std::string text_of(const std::string& name) {
  std::ifstream in(kFolder / name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, AreDecidedAsWritten) {
  const Result<Scenario> scenario = read_scenario(GetParam(), text_of(GetParam()));
  ASSERT_TRUE(scenario.ok()) << to_string(scenario.error());
  const Result<Outcome> outcome = play(*scenario);
  ASSERT_TRUE(outcome.ok()) << to_string(outcome.error());
  EXPECT_EQ(to_text(*outcome), to_text(scenario->expected)) << GetParam() << " expects what stands second";
}

INSTANTIATE_TEST_SUITE_P(Files, Scenarios, testing::ValuesIn(names()), [](const auto& file) {
  std::string name = file.param.substr(0, file.param.rfind('.'));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

// A mistyped key would be a check that nobody makes.
TEST(ScenarioFiles, RefuseWhatTheyDoNotKnow) {
  const std::string start = "scenario: a\nnow: 1m\nexpect: {}\n";
  EXPECT_TRUE(read_scenario("a.yaml", start).ok());
  for (const char* line :
       {"nodez: {}\n", "nodes: {n1: sleepy}\n", "instances: [web-0-r1]\n", "instances: [web-0-r1-1 walk on n1]\n",
        "delete: everything\n", "revision: high\n", "reports: {n9: []}\n", "apps: {web: rollout 3}\n"}) {
    const auto refused = read_scenario("a.yaml", start + line);
    ASSERT_FALSE(refused.ok()) << line;
    EXPECT_NE(to_string(refused.error()).find("a.yaml:4:"), std::string::npos) << to_string(refused.error());
  }
  EXPECT_FALSE(read_scenario("a.yaml", "scenario: a\nnow: 1m\nexpect: {reason: []}\n").ok());
  EXPECT_FALSE(read_scenario("a.yaml", "now: 1m\nexpect: {}\n").ok());
}

// Whoever adds a bucket adds the scenario that shows it.
TEST(ScenarioFiles, ShowEveryBucket) {
  std::set<Bucket> shown;
  for (const std::string& name : names()) {
    const Result<Scenario> scenario = read_scenario(name, text_of(name));
    ASSERT_TRUE(scenario.ok()) << to_string(scenario.error());
    for (const auto& [app, row] : scenario->world.apps)
      for (const Joined& joined : diff_app(scenario->world, app, row, scenario->now.boot)) shown.insert(joined.bucket);
  }
  EXPECT_EQ(shown, (std::set<Bucket>{Bucket::kMissing, Bucket::kUnplaced, Bucket::kCurrent, Bucket::kOutdated,
                                     Bucket::kDisplaced, Bucket::kEvicted, Bucket::kLost, Bucket::kSurplus,
                                     Bucket::kStopping, Bucket::kGone}));
}

}  // namespace
}  // namespace unik::controller::scenario
