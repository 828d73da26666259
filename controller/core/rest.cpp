#include "controller/core/rest.hpp"

#include <algorithm>

#include "controller/core/diff.hpp"

namespace unik::controller {
namespace {

bool has_operations(const World& world, const AppName& name) {
  const auto first = world.active_operations.lower_bound({name, {}});
  return first != world.active_operations.end() && first->first.app == name;
}

bool is_known(const AppRow& app, std::uint64_t rollout) {
  return rollout == app.rollout || rollout == app.state.live ||
         std::any_of(app.history.begin(), app.history.end(),
                     [&](const TemplateNote& note) { return note.rollout == rollout; });
}

// The current template is there, and none that nothing needs.
bool templates_are_needed(const World& world, const AppName& name, const AppRow& app) {
  bool has_current = false;
  for (auto it = world.templates.lower_bound({name, 0}); it != world.templates.end() && it->first.app == name; ++it) {
    if (!is_known(app, it->first.rollout)) return false;
    has_current |= it->first.rollout == app.rollout;
  }
  return has_current;
}

bool may_stay(const World& world, const AppRow& app, Symbol name, Time now) {
  const NodeRow* const node = world.nodes.find(name);
  return node != nullptr && node->health == NodeHealth::kReady && leaving(world, *node, *app.app, now) == Leaving::kNo;
}

// In order of slots: one for each, and each with the clock that its readiness has set going.
bool instances_are_settled(const World& world, const AppName& name, const AppRow& app, Time now) {
  const InstanceId first{name.tenant, name.app, 0, 0, 0};
  auto clock = world.clocks.ready_since.lower_bound(first);
  std::uint32_t slot = 0;
  for (auto it = world.instances.lower_bound(first); it != world.instances.end(); ++it, ++slot) {
    const auto& [id, row] = *it;
    if (id.app != name.app || id.tenant != name.tenant) break;
    if (id.slot != slot || id.rollout != app.rollout || row.goal != InstanceGoal::kRun || row.node.empty())
      return false;
    if (!is_ready(*row.status) || !may_stay(world, app, row.node, now)) return false;
    if (clock == world.clocks.ready_since.end() || clock->first != id) return false;
    ++clock;
  }
  return slot == app.app->spec.replicas;
}

}  // namespace

bool is_at_rest(const World& world, const AppName& name, const AppRow& app, Time now) {
  return app.state.phase == RolloutPhase::kDone && !app.deleting && !has_operations(world, name) &&
         !world.clocks.rollouts.contains(name) && templates_are_needed(world, name, app) &&
         instances_are_settled(world, name, app, now);
}

}  // namespace unik::controller
