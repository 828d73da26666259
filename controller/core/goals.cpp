#include "controller/core/goals.hpp"

#include <map>

#include "api/check.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/published_ports.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/core/trace.hpp"

namespace unik::controller {
namespace {

Duration stop_timeout_of(const World& world, const InstanceId& id) {
  const AppRow* const app = world.apps.find(id.app_name());
  return app == nullptr ? RunPolicy{}.stop_timeout : app->app->spec.run.stop_timeout;
}

// In a blue/green rollout the published ports stay with the old instances until all new ones serve.
bool holds_ports(const World& world, const AppRow& app, const InstanceId& id) {
  return !app.state.blue_green || CurrentTemplate(world, id.app_name(), app.state.live).covers(id.rollout);
}

}  // namespace

Goals goals_of(const World& world, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  UNIK_CHECK(row != nullptr, "the goals of a node that is not there");
  Goals goals;
  goals.stamp = {world.cluster.cluster_id, world.cluster.epoch, row->goals_revision};
  std::set<std::string> images;
  std::map<InstanceId, Action> instances;
  for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow& instance) {
    if (std::string trace = trace_of(world, id.app_name()); !trace.empty()) goals.traces[id] = std::move(trace);
    if (instance.goal == InstanceGoal::kStop) {
      instances[id] = EnsureAbsent{id, stop_timeout_of(world, id)};
      return;
    }
    const Shared<BootSpec>* const boot = world.templates.find({id.app_name(), id.rollout});
    const AppRow* const app = world.apps.find(id.app_name());
    UNIK_CHECK(boot != nullptr && app != nullptr, "an instance without its template or its app");
    EnsureRunning goal{id, **boot, app->app->spec.run, app->app->spec.disconnect.stop_on_client_after};
    if (const TenantRow* const tenant = world.tenants.find(id.tenant); tenant != nullptr)
      goal.trusted_keys = tenant->tenant->spec.require_signatures.keys;
    // One that has to be signed is opened for no other reason than to boot it.
    if (goal.trusted_keys.empty()) images.insert(goal.boot.image);
    aim_check(goal.run.health, *app, id.rollout, **boot);
    aim(goal.run.publications, app->app->spec.boot.ports, **boot);
    if (!holds_ports(world, *app, id)) goal.run.publications.clear();
    instances[id] = std::move(goal);
  });
  for_each_stray(world, node, [&](const InstanceId& id, const StrayRow& row) {
    if (row.quarantined) return;
    instances.try_emplace(id, EnsureAbsent{id, stop_timeout_of(world, id)});
  });
  for (const std::string& image : images) goals.actions.push_back(EnsureImage{image});
  for (auto& [id, action] : instances) goals.actions.push_back(std::move(action));
  return goals;
}

}  // namespace unik::controller
