// A published port leads to where each instance listens, whatever the app declares by now.
#include "controller/core/published_ports.hpp"

#include <gtest/gtest.h>

#include "controller/core/goals.hpp"
#include "controller/core/steer.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

using Ports = std::vector<Port>;

std::string served(const Publication& publication, const Ports& declared, const Ports& ports) {
  const Port* const port = port_for(publication, declared, ports);
  return port == nullptr ? "none" : port->name + ":" + std::to_string(port->port);
}

TEST(PublishedPorts, AreFoundByNameThenByNumberThenAsTheOnlyOneThatIsNew) {
  const Publication http{"http", 9090, 19090};
  EXPECT_EQ(served(http, {{"http", 9090}}, {{"admin", 9090}, {"http", 8080}}), "http:8080");
  EXPECT_EQ(served(http, {{"http", 9090}}, {{"web", 9090}}), "web:9090");
  EXPECT_EQ(served(http, {{"http", 9090}}, {{"p8080", 8080}}), "p8080:8080");
  EXPECT_EQ(served(http, {{"admin", 1}, {"http", 9090}}, {{"admin", 1}, {"p8080", 8080}}), "p8080:8080");
  EXPECT_EQ(served(http, {{"http", 9090}}, {{"a", 1}, {"b", 2}}), "none") << "either could be meant";
  EXPECT_EQ(served(http, {{"grpc", 7}, {"http", 9090}}, {{"a", 1}}), "none");
  EXPECT_EQ(served(http, {{"http", 9090}}, {}), "none");
  // A number that goes to another name is no counterpart: the port of the name has it.
  const Publication admin{"admin", 8080, 9000};
  EXPECT_EQ(served(admin, {{"admin", 8080}, {"http", 9090}}, {{"http", 8080}}), "none");
}

class PublishedPortsTest : public testing::Test {
 protected:
  void SetUp() override { world.add_node("n1"); }

  static App published(const std::string& name, std::uint16_t port) {
    App app = PlannedWorld::app("web", 1, std::to_string(port));
    app.spec.boot.ports = {{name, port}};
    app.spec.run.publications = {{name, port, 19090}};
    app.spec.run.health->port = port;
    return app;
  }
  // By the rollout of the instance: where its goal's publications lead.
  std::vector<std::string> publications() {
    std::vector<std::string> list;
    for (const Action& action : goals_of(world.world(), Symbol("n1")).actions)
      if (const auto* goal = std::get_if<EnsureRunning>(&action))
        for (const Publication& one : goal->run.publications)
          list.push_back(one.port_name + ":" + std::to_string(*one.host_port) + ":" + std::to_string(one.port));
    return list;
  }
  const App& declared() { return *world.world().apps.find({Symbol("default"), Symbol("web")})->app; }
  void steer(RolloutVerb verb) {
    world.step([&](Draft& draft) {
      EXPECT_TRUE(admit_rollout(draft, {{Symbol("default"), Symbol("web")}, verb, {}, "trace"}).ok());
    });
  }

  PlannedWorld world;
};

TEST_F(PublishedPortsTest, WhileOneRollsOutTheOldInstancesServeOnTheirOwn) {
  world.deploy(published("http", 8080));
  world.report_all();
  world.deploy(published("http", 9090));
  EXPECT_EQ(publications(), (std::vector<std::string>{"http:19090:8080", "http:19090:9090"}));
}

TEST_F(PublishedPortsTest, SoTheyDoUnderAnotherName) {
  world.deploy(published("p8080", 8080));
  world.report_all();
  world.deploy(published("p9090", 9090));
  EXPECT_EQ(publications(), (std::vector<std::string>{"p9090:19090:8080", "p9090:19090:9090"})) << "one listener";
}

TEST_F(PublishedPortsTest, AGivenUpRolloutLeavesThemWhereTheyServe) {
  world.deploy(published("http", 8080));
  world.report_all();
  world.deploy(published("http", 9090));
  steer(RolloutVerb::kAbort);
  world.report_all();
  world.report_all();
  EXPECT_EQ(publications(), std::vector<std::string>{"http:19090:8080"});
}

TEST_F(PublishedPortsTest, AWayBackDeclaresPortsThatAManifestCould) {
  world.deploy(published("http", 8080));
  world.report_all();
  world.deploy(published("web", 9090));
  world.report_all();
  world.report_all();
  steer(RolloutVerb::kRollback);
  const App& app = declared();
  EXPECT_EQ(app.spec.boot.ports, (Ports{{"http", 8080}}));
  EXPECT_EQ(app.spec.run.publications, (std::vector<Publication>{{"http", 8080, 19090}}));
}

TEST_F(PublishedPortsTest, AWayBackOverARenumberingPublishesNothingTwice) {
  world.deploy(published("http", 8080));
  world.report_all();
  App two = published("http", 9090);
  two.spec.boot.ports = {{"admin", 8080}, {"http", 9090}};
  two.spec.run.publications = {{"admin", 8080, 19000}, {"http", 9090, 19090}};
  world.deploy(two);
  EXPECT_EQ(publications(), (std::vector<std::string>{"http:19090:8080", "admin:19000:8080", "http:19090:9090"}));
  world.report_all();
  world.report_all();
  steer(RolloutVerb::kRollback);
  EXPECT_EQ(declared().spec.run.publications, (std::vector<Publication>{{"http", 8080, 19090}}));
}

// Another port of the app may change where an old one's publication leads.
TEST_F(PublishedPortsTest, AnotherPortGivesTheNodesNewGoals) {
  world.deploy(published("web", 80));
  world.report_all();
  world.deploy(published("http", 8080));
  const std::uint64_t before = world.world().nodes.find(Symbol("n1"))->goals_revision;
  App more = published("http", 8080);
  more.spec.boot.ports.push_back({"late", 9090});
  world.deploy(more);
  EXPECT_GT(world.world().nodes.find(Symbol("n1"))->goals_revision, before);
}

}  // namespace
}  // namespace unik::controller
