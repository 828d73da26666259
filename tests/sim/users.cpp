#include "tests/sim/users.hpp"

#include <array>
#include <chrono>
#include <utility>

namespace unik::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

RolloutPolicy random_rollout(Random& random) {
  RolloutPolicy rollout;
  rollout.strategy = static_cast<RolloutStrategy>(random.below(3));
  rollout.max_surge = static_cast<std::uint32_t>(random.below(3));
  rollout.max_unavailable = static_cast<std::uint32_t>(rollout.max_surge == 0 ? 1 : random.below(2));
  rollout.progress_deadline = random.between(seconds(20), seconds(60));
  rollout.auto_rollback = random.chance(0.7);
  rollout.canary.percent = static_cast<std::uint32_t>(1 + random.below(100));
  rollout.canary.bake = random.between(seconds(0), seconds(20));
  rollout.gate.healthy_for = random.between(seconds(0), seconds(5));
  return rollout;
}

void make_strict(AppSpec& spec) {
  spec.boot.singleton = Singleton::kStrict;
  if (spec.rollout && spec.rollout->strategy == RolloutStrategy::kBlueGreen)
    spec.rollout->strategy = RolloutStrategy::kRolling;
}

// So a rollout that is given up leaves instances of another size than what is declared.
constexpr std::array kSizeOfVersion{kLeastSize, Resources{MilliCpu{500}, mebibytes(256)},
                                    Resources{MilliCpu{1500}, mebibytes(1024)}};

// It ends by itself (simulated_node.cpp), and what it took of its node is given to others.
void make_job(AppSpec& spec) {
  spec.run.restart.policy = RestartPolicy::kNever;
  spec.boot.env["JOB"] = "1";
}

}  // namespace

App random_app(Users users) {
  Random& random = users.random;
  App app;
  app.metadata.name = "app" + std::to_string(random.below(static_cast<std::uint64_t>(users.apps)));
  app.metadata.tenant = kDefaultTenant;
  app.spec.boot.image = "img" + std::to_string(random.below(3)) + "@sha256:" + std::string(64, 'a');
  app.spec.boot.ports = {{"http", 8080}};
  const std::uint64_t version = random.below(3);
  app.spec.boot.env = {{"V", std::to_string(version)}};
  app.spec.boot.resources = kSizeOfVersion[version];
  app.spec.replicas = static_cast<std::uint32_t>(random.below(5));
  app.spec.run.health = HealthCheck{8080, "/", seconds(5), seconds(1), 3, seconds(30)};
  app.spec.run.stop_timeout = seconds(1 + static_cast<int>(random.below(3)));
  app.spec.disconnect.lost_after = minutes(1);
  app.spec.disruption.max_unavailable = static_cast<std::uint32_t>(1 + random.below(2));
  if (random.chance(0.7)) app.spec.rollout = random_rollout(random);
  if (random.chance(0.3)) make_strict(app.spec);
  if (random.chance(0.1)) app.spec.disconnect.stop_on_client_after = minutes(1);
  if (users.careless && random.chance(0.15)) app.spec.boot.env["BROKEN"] = "1";
  if (users.careless && random.chance(0.15)) make_job(app.spec);
  return app;
}

controller::Mutation random_steering(Users users, const std::string& trace_id) {
  Random& random = users.random;
  const std::string node = "n" + std::to_string(random.below(static_cast<std::uint64_t>(users.nodes)));
  switch (random.below(4)) {
    case 0:
      return controller::CordonRequest{node, random.chance(0.6)};
    case 1:
      return controller::DrainRequest{node, random.between(seconds(0), seconds(40)), random.chance(0.2), {}};
    case 2: {
      Tenant tenant;
      tenant.metadata.name = kDefaultTenant;
      tenant.spec.quota.instances = static_cast<std::uint32_t>(random.below(20));
      if (random.chance(0.3)) tenant.spec.quota.memory = mebibytes(static_cast<std::int64_t>(256 * random.below(20)));
      if (random.chance(0.3)) tenant.spec.placement = PlacementStrategy::kBinPack;
      controller::ApplyRequest apply;
      apply.resources.push_back(std::move(tenant));
      return apply;
    }
    default:
      break;
  }
  controller::RolloutRequest rollout;
  rollout.app = random_app(users).name();
  rollout.verb = static_cast<controller::RolloutVerb>(random.below(6));
  rollout.trace_id = trace_id;
  return rollout;
}

}  // namespace unik::sim
