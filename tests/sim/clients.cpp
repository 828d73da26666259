#include "tests/sim/clients.hpp"

#include <utility>
#include <variant>

namespace unik::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kAgentsForEach = 50;  // of those who ask

}  // namespace

void Clients::plan() {
  Tenant other;
  other.metadata.name = kOtherTenant;
  controller::ApplyRequest apply;
  apply.resources.push_back(std::move(other));
  ask_as("operator", std::move(apply));
  plan_next();
}

// A larger fleet has more of them.
void Clients::plan_next() {
  const int crowd = 1 + cluster_.options.agents / kAgentsForEach;
  const Duration pause = cluster_.random.between(milliseconds(200), seconds(6)) / crowd;
  cluster_.timeline.after(pause, [this] {
    if (!cluster_.faulty()) return;
    const controller::Caller caller = next_caller("user");
    ask(caller, random_mutation(caller.trace_id));
    plan_next();
  });
}

Users Clients::users() {
  const Options& options = cluster_.options;
  return {cluster_.random, options.apps, options.agents, cluster_.faulty()};
}

controller::Mutation Clients::random_mutation(const std::string& trace_id) {
  Random& random = cluster_.random;
  if (cluster_.options.builds && random.chance(0.4)) {
    controller::BuildRequest build;
    build.app = random_app(users());
    build.app.spec.boot.image.clear();
    build.app.spec.source = source_of(random.below(10));
    build.actor = "user";
    build.trace_id = trace_id;
    build.image = built_image(cluster_.controller.durable(), build);
    return build;
  }
  if (random.chance(0.3)) return random_steering(users(), cluster_.controller.durable(), trace_id);
  if (random.chance(0.25)) {
    const AppName name = random_name(users());
    return controller::DeleteRequest{Kind::kApp, name.tenant.str(), {name.app.str()}, trace_id};
  }
  controller::ApplyRequest apply = random_apply(users());
  apply.follow = random.chance(0.5);
  apply.trace_id = trace_id;
  return apply;
}

void Clients::end_steering() {
  const controller::World& world = cluster_.controller.durable();
  controller::ApplyRequest apply;
  for (int i = 0; i < cluster_.options.agents; ++i) {
    Node node;
    node.metadata.name = cluster_.nodes[static_cast<std::size_t>(i)]->name();
    apply.resources.push_back(std::move(node));
  }
  for (const auto& [name, row] : world.tenants) {
    Tenant tenant;
    tenant.metadata.name = name.str();
    apply.resources.push_back(std::move(tenant));
  }
  for (const auto& [name, row] : world.apps) {
    if (row.deleting) continue;
    if (row.state.held) ask_as("operator", controller::RolloutRequest{name, controller::RolloutVerb::kResume, {}, {}});
    App app = *row.app;
    app.metadata.uid = app.metadata.generation = 0;  // whatever has come of it by then
    app.spec.boot.env.erase("BROKEN");
    app.spec.boot.env.erase("JOB");
    app.spec.run.restart = {};
    app.spec.boot.env["LAST"] = "1";
    app.spec.boot.resources = kLeastSize;
    app.spec.placement.node_selector = {};
    // What ends or boots slowly by chance is no reason to go back to something else.
    app.spec.run.stop_timeout = seconds(3);
    if (app.spec.rollout) {
      app.spec.rollout->canary.promote = Promotion::kAuto;
      app.spec.rollout->progress_deadline = std::chrono::minutes(5);
      app.spec.rollout->gate.boot_factor = app.spec.rollout->gate.restart_factor = 0;
    }
    apply.resources.push_back(std::move(app));
  }
  ask_as("operator", std::move(apply));
}

void Clients::ask_as(const char* actor, controller::Mutation mutation) {
  ask(next_caller(actor), std::move(mutation));
}

controller::Caller Clients::next_caller(const char* actor) {
  controller::Caller caller;
  caller.actor = actor;
  caller.trace_id = "t" + std::to_string(++asked_);
  caller.idempotency_key = "key-" + std::to_string(asked_);
  caller.body_hash = asked_;
  return caller;
}

// What was asked of the quota is remembered; a planted bug loses it on its way.
void Clients::ask(const controller::Caller& caller, controller::Mutation mutation) {
  if (auto* const apply = std::get_if<controller::ApplyRequest>(&mutation))
    for (Resource& resource : apply->resources)
      if (auto* const tenant = std::get_if<Tenant>(&resource)) {
        checks_.asked(caller.idempotency_key, Symbol(tenant->metadata.name), tenant->spec.quota);
        cluster_.saboteur.distort(*tenant);
      }
  keep_asking(caller, mutation);
}

void Clients::keep_asking(const controller::Caller& caller, const controller::Mutation& mutation) {
  const auto again = [this, caller, mutation] {
    cluster_.timeline.after(milliseconds(500), [this, caller, mutation] { keep_asking(caller, mutation); });
  };
  cluster_.controller.ask(
      [&](controller::RequestId id) {
        return controller::MutationAsked{id, caller, mutation};
      },
      [this, again](const std::optional<controller::Answer>& answer) {
        const Error* const error = answer ? std::get_if<Error>(&*answer) : nullptr;
        // What the quota refuses is for a person to mend.
        const bool refused = error != nullptr && error->reason.starts_with("quota_");
        if (error != nullptr) ++cluster_.outcome.refused;
        if (!answer || (error != nullptr && traits(error->code).retryable && !refused)) again();
      });
}

}  // namespace unik::sim
