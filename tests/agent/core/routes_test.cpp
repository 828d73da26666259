#include "agent/core/routes.hpp"

#include <gtest/gtest.h>

#include "tests/agent/goals_builder.hpp"

namespace unik::agent {
namespace {

Instance serving(const InstanceId& id, std::uint16_t guest_port, const std::string& address) {
  Instance instance;
  instance.id = id;
  instance.want = Want::kRunning;
  instance.goal = running(id);
  instance.goal.run.publications = {{"http", guest_port, 19090}};
  instance.record.address = address;
  instance.vm.state = VmState::kRunning;
  instance.health.value = Health::kHealthy;
  return instance;
}

TEST(Routes, LeadToEachInstanceWhereItListens) {
  const InstanceId old = instance_id("web", 0, 1), next = instance_id("web", 0, 2);
  const Instances instances{{old, serving(old, 8080, "127.0.0.2")}, {next, serving(next, 9090, "127.0.0.3")}};
  const std::vector<Route> routes = compose_routes(instances, {});
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].publication.host_port, 19090);
  EXPECT_EQ(routes[0].backends, (std::vector<Backend>{{old, "127.0.0.2", 8080}, {next, "127.0.0.3", 9090}}));
}

}  // namespace
}  // namespace unik::agent
