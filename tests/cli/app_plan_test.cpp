#include "cli/app_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/samples.hpp"

namespace unik::cli {
namespace {

AppFlags named() {
  AppFlags flags;
  flags.name = "web";
  return flags;
}

AppInputs inputs() {
  AppInputs inputs;
  inputs.tenant = "default";
  inputs.image = kSampleImage;
  inputs.environment = {{"TOKEN", "from the caller"}};
  return inputs;
}

TEST(AppPlan, LeavesToTheTenantWhatNobodyNamed) {
  const auto app = plan_app(named(), inputs());
  ASSERT_TRUE(app);
  EXPECT_EQ(app->spec.boot.resources, Resources{});
  EXPECT_EQ(app->spec.boot.image, kSampleImage);
  EXPECT_EQ(app->spec.replicas, 1u);
}

TEST(AppPlan, PutsFlagsOverTheRecipe) {
  AppInputs given = inputs();
  given.recipe.emplace();
  given.recipe->deploy.replicas = 2;
  given.recipe->deploy.boot.env = {{"A", "recipe"}, {"B", "recipe"}};
  given.recipe->deploy.boot.ports = {{"http", 8080}};
  given.recipe->deploy.run.publications = {{"http", 8080, std::nullopt}};
  given.recipe->deploy.boot.args = {"--recipe"};
  AppFlags flags = named();
  flags.replicas = 3;
  flags.cpu = "500m";
  flags.memory = "64Mi";
  flags.env = {"A=flag=1", "TOKEN"};
  flags.publish = {"18080:8080", "9000"};
  flags.node_selector = {"zone=a"};
  flags.restart = "on-failure";
  flags.debug = true;
  const auto app = plan_app(flags, given);
  ASSERT_TRUE(app);
  EXPECT_EQ(app->spec.replicas, 3u);
  EXPECT_EQ(app->spec.boot.resources, (Resources{MilliCpu{500}, mebibytes(64)}));
  EXPECT_EQ(app->spec.boot.env,
            (std::map<std::string, std::string>{{"A", "flag=1"}, {"B", "recipe"}, {"TOKEN", "from the caller"}}));
  EXPECT_EQ(app->spec.boot.ports, (std::vector<Port>{{"http", 8080}, {"p9000", 9000}}));
  EXPECT_EQ(app->spec.run.publications,
            (std::vector<Publication>{{"http", 8080, 18080}, {"p9000", 9000, std::nullopt}}));
  EXPECT_EQ(app->spec.placement.node_selector, (Labels{{"zone", "a"}}));
  EXPECT_EQ(app->spec.run.restart.policy, RestartPolicy::kOnFailure);
  EXPECT_TRUE(app->spec.boot.debug);
  EXPECT_EQ(app->spec.boot.args, std::vector<std::string>{"--recipe"});
  given.args = {"--given"};
  EXPECT_EQ(plan_app(flags, given)->spec.boot.args, std::vector<std::string>{"--given"});
}

TEST(AppPlan, APortHasOneHostPort) {
  AppFlags flags = named();
  flags.publish = {"18080:8080", "18081:8080"};
  const auto app = plan_app(flags, inputs());
  ASSERT_FALSE(app);
  ASSERT_EQ(app.error().details.size(), 1U);
  EXPECT_EQ(app.error().details[0].message, "want one host port for port 8080, got `18080:8080` and `18081:8080`");
  flags.publish = {"18080:8080", "18080:8080"};
  EXPECT_TRUE(plan_app(flags, inputs()));
}

TEST(AppPlan, TellsEveryWrongFlagAtOnce) {
  AppFlags flags;
  flags.name = "Web";
  flags.cpu = "lots";
  flags.memory = "128 MB";
  flags.env = {"=x", "UNSET"};
  flags.publish = {"0:80"};
  flags.node_selector = {"zone"};
  flags.restart = "allways";
  const auto app = plan_app(flags, inputs());
  ASSERT_FALSE(app);
  EXPECT_EQ(app.error().code, ErrorCode::kInvalid);
  std::vector<std::string> paths;
  for (const Fault& fault : app.error().details) paths.push_back(fault.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"--name", "--cpu", "--memory", "--env", "--env", "--publish",
                                             "--node-selector", "--restart"}));
  EXPECT_NE(to_string(app.error()).find("did you mean `always`?"), std::string::npos);
}

TEST(AppPlan, NamesTheFlagOfWhatNoManifestMaySay) {
  const auto faults_of = [](const auto& set) {
    AppFlags flags = named();
    set(flags);
    std::vector<std::string> faults;
    const auto app = plan_app(flags, inputs());
    if (!app)
      for (const Fault& fault : app.error().details) faults.push_back(to_string(fault));
    const auto checked = check_flags(flags, inputs());
    EXPECT_EQ(checked.ok(), app.ok());
    if (!checked) EXPECT_EQ(checked.error().details.size(), faults.size());
    return faults;
  };
  using Faults = std::vector<std::string>;
  EXPECT_EQ(faults_of([](AppFlags&) {}), Faults{});
  EXPECT_EQ(faults_of([](AppFlags& flags) { flags.replicas = 1001; }),
            Faults{"--replicas: want a whole number from 0 to 1000, got `1001`"});
  EXPECT_EQ(faults_of([](AppFlags& flags) {
              flags.cpu = "0";
              flags.memory = "0";
            }),
            (Faults{"--cpu: want at least 10m, got `0`", "--memory: want at least 40Mi, got `0`"}));
  EXPECT_THAT(faults_of([](AppFlags& flags) {
                flags.memory = "1";
                flags.env = {"1X=x"};
                flags.node_selector = {"a b=c"};
              }),
              testing::UnorderedElementsAre(testing::StartsWith("--memory: "), testing::StartsWith("--env: "),
                                            testing::StartsWith("--node-selector: ")));
}

TEST(AppPlan, NamesUnikYamlForWhatStandsThere) {
  AppInputs with_recipe = inputs();
  with_recipe.recipe.emplace();
  with_recipe.recipe->deploy.run.health.emplace().port = 9090;
  const auto app = plan_app(named(), with_recipe);
  ASSERT_FALSE(app);
  EXPECT_EQ(to_string(app.error().details.front()).substr(0, 40), "unik.yaml: deploy.health.tcp.port: want ");
  AppFlags flags = named();
  flags.publish = {"9090"};
  EXPECT_TRUE(plan_app(flags, with_recipe));
}

TEST(Publish, ReadsHostAndGuestPorts) {
  EXPECT_EQ(parse_publish("8080").value(), (Publication{"", 8080, std::nullopt}));
  EXPECT_EQ(parse_publish("18080:8080").value(), (Publication{"", 8080, 18080}));
  for (const char* bad : {"", ":", "80:", ":80", "65536", "1:2:3", "http"}) EXPECT_FALSE(parse_publish(bad)) << bad;
}

}  // namespace
}  // namespace unik::cli
