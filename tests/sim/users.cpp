#include "tests/sim/users.hpp"

#include <array>
#include <chrono>
#include <set>
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
  if (random.chance(0.3)) rollout.canary.promote = Promotion::kManual;
  rollout.gate.healthy_for = random.between(seconds(0), seconds(5));
  if (random.chance(0.2)) rollout.gate.boot_factor = static_cast<std::uint32_t>(1 + random.below(5));
  if (random.chance(0.2)) rollout.gate.restart_factor = static_cast<std::uint32_t>(1 + random.below(3));
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

constexpr int kLargeFleet = 50;  // of nodes

// Few of each, so that what is asked for meets what is there.
constexpr std::array kTaintKeys{"gpu", "dedicated"};
std::string random_zone(Random& random) {
  return random.chance(0.5) ? "a" : "b";
}
std::string random_value(Random& random) {
  return random.chance(0.5) ? "x" : "y";
}

Placement random_placement(Users users) {
  Random& random = users.random;
  Placement placement;
  if (random.chance(0.12)) placement.node_selector["zone"] = random_zone(random);
  if (users.careless && random.chance(0.03)) placement.node_selector["zone"] = "nowhere";
  if (random.chance(0.08)) placement.node_selector["disk"] = random_value(random);
  if (random.chance(0.25)) placement.spread.push_back({"zone"});
  if (random.chance(0.15)) placement.spread.push_back({"rack"});
  for (const char* const key : kTaintKeys) {
    if (!random.chance(0.25)) continue;
    placement.tolerations.push_back({key, std::nullopt});
    if (random.chance(0.5)) placement.tolerations.back().value = random_value(random);
  }
  return placement;
}

// Most have a host port of their own, and some ask for one that another has.
void publish(App& app, Random& random) {
  Publication publication{"http", 8080, std::nullopt};
  const bool other = app.metadata.tenant == kOtherTenant;
  const auto own = static_cast<std::uint16_t>(9000 + 2 * std::stoi(app.metadata.name.substr(3)) + (other ? 1 : 0));
  if (random.chance(0.7)) publication.host_port = own;
  if (random.chance(0.1)) publication.host_port = static_cast<std::uint16_t>(9000 + random.below(4));
  app.spec.run.publications.push_back(publication);
}

Disconnect random_disconnect(Random& random) {
  Disconnect disconnect;
  disconnect.lost_after = minutes(1);
  if (random.chance(0.25)) disconnect.lost_after = random.between(minutes(1), minutes(3));
  if (random.chance(0.15)) disconnect.replace = false;
  if (random.chance(0.15)) disconnect.stop_on_client_after = random.between(seconds(30), minutes(2));
  return disconnect;
}

Tenant random_tenant(Users users) {
  Random& random = users.random;
  const std::uint64_t most = users.nodes < kLargeFleet ? 20 : 2 * static_cast<std::uint64_t>(users.nodes);
  Tenant tenant;
  tenant.metadata.name = random.chance(0.5) ? kDefaultTenant : kOtherTenant;
  TenantSpec& spec = tenant.spec;
  spec.quota.instances = static_cast<std::uint32_t>(random.below(most));
  if (random.chance(0.3)) spec.quota.memory = mebibytes(static_cast<std::int64_t>(256 * random.below(most)));
  if (random.chance(0.2)) spec.quota.cpu = MilliCpu{static_cast<std::int64_t>(500 * random.below(most))};
  if (random.chance(0.3)) spec.placement = PlacementStrategy::kBinPack;
  if (random.chance(0.15)) spec.limits = {MilliCpu{1000}, mebibytes(512)};
  if (random.chance(0.2)) spec.default_resources = kSizeOfVersion[1];
  if (random.chance(0.1)) spec.node_selector["zone"] = random_zone(random);
  if (random.chance(0.3)) spec.rollout = random_rollout(random);
  return tenant;
}

// A manifest says all of a node: also that it is neither cordoned nor drained.
Node random_node(Random& random, const std::string& name) {
  Node node;
  node.metadata.name = name;
  if (random.chance(0.4)) node.metadata.labels["disk"] = random_value(random);
  if (random.chance(0.3))
    node.spec.reserved = {MilliCpu{static_cast<std::int64_t>(500 * random.below(4))},
                          mebibytes(static_cast<std::int64_t>(256 * random.below(8)))};
  for (const char* const key : kTaintKeys)
    if (random.chance(0.25))
      node.spec.taints.push_back(
          {key, random_value(random), random.chance(0.5) ? TaintEffect::kNoExecute : TaintEffect::kNoSchedule});
  return node;
}

controller::RolloutRequest random_rollout_request(Users users, const controller::World& world) {
  Random& random = users.random;
  controller::RolloutRequest rollout;
  rollout.app = random_name(users);
  rollout.verb = static_cast<controller::RolloutVerb>(random.below(6));
  const controller::AppRow* const row = world.apps.find(rollout.app);
  const bool to = rollout.verb == controller::RolloutVerb::kRollback && random.chance(0.5);
  if (to && row != nullptr && !row->history.empty())
    rollout.to = row->history[random.below(row->history.size())].rollout;
  return rollout;
}

}  // namespace

AppName random_name(Users users) {
  const std::uint64_t index = users.random.below(static_cast<std::uint64_t>(users.apps));
  return {Symbol(index % 2 == 0 ? kDefaultTenant : kOtherTenant), Symbol("app" + std::to_string(index / 2))};
}

App random_app(Users users) {
  Random& random = users.random;
  const AppName name = random_name(users);
  App app;
  app.metadata.name = name.app.str();
  app.metadata.tenant = name.tenant.str();
  app.spec.boot.image = "img" + std::to_string(random.below(3)) + "@sha256:" + std::string(64, 'a');
  app.spec.boot.ports = {{"http", 8080}};
  const std::uint64_t version = random.below(3);
  app.spec.boot.env = {{"V", std::to_string(version)}};
  if (!random.chance(0.1)) app.spec.boot.resources = kSizeOfVersion[version];  // the others leave it to their tenant
  app.spec.replicas = static_cast<std::uint32_t>(random.below(users.nodes < kLargeFleet ? 5 : 20));
  if (!random.chance(0.1)) app.spec.run.health = HealthCheck{8080, "/", seconds(5), seconds(1), 3, seconds(30)};
  app.spec.run.stop_timeout = seconds(random.chance(0.8) ? 1 + random.below(3) : 10 + random.below(21));
  if (random.chance(0.4)) publish(app, random);
  app.spec.placement = random_placement(users);
  app.spec.disconnect = random_disconnect(random);
  app.spec.disruption.max_unavailable = static_cast<std::uint32_t>(1 + random.below(2));
  if (random.chance(0.7)) app.spec.rollout = random_rollout(random);
  if (random.chance(0.3)) make_strict(app.spec);
  if (users.careless && random.chance(0.15)) app.spec.boot.env["BROKEN"] = "1";
  if (users.careless && random.chance(0.15)) make_job(app.spec);
  return app;
}

controller::ApplyRequest random_apply(Users users) {
  Random& random = users.random;
  controller::ApplyRequest apply;
  if (random.chance(0.1)) apply.resources.push_back(random_tenant(users));
  std::set<AppName> named;
  for (std::uint64_t left = random.chance(0.2) ? 3 : 1; left > 0; --left) {
    App app = random_app(users);
    if (named.insert(app.name()).second) apply.resources.push_back(std::move(app));
  }
  return apply;
}

controller::Mutation random_steering(Users users, const controller::World& world, const std::string& trace_id) {
  Random& random = users.random;
  const std::string node = "n" + std::to_string(random.below(static_cast<std::uint64_t>(users.nodes)));
  controller::ApplyRequest apply;
  switch (random.below(9)) {
    case 0:
    case 1:
      return controller::CordonRequest{node, random.chance(0.6)};
    case 2:
    case 3:
      return controller::DrainRequest{node, random.between(seconds(0), seconds(40)), random.chance(0.2), {}};
    case 4:
      apply.resources.push_back(random_tenant(users));
      return apply;
    case 5:
      apply.resources.push_back(random_node(random, node));
      return apply;
    case 6:
      if (random.chance(0.6)) return controller::DeleteRequest{Kind::kNode, {}, {node}, trace_id};
      return controller::DeleteRequest{Kind::kTenant, {}, {std::string(kOtherTenant)}, trace_id};
    default:
      break;
  }
  controller::RolloutRequest rollout = random_rollout_request(users, world);
  rollout.trace_id = trace_id;
  return rollout;
}

}  // namespace unik::sim
