#include "controller/core/relocate.hpp"

#include <algorithm>
#include <map>
#include <variant>

#include "api/backoff.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/place.hpp"
#include "controller/core/rollout_facts.hpp"

namespace unik::controller {
namespace {

// How long `id` has still to stay where it is. A wall clock that was set back does not hold it there.
Duration left_to_wait(const InstanceId& id, const InstanceRow& row, WallTime now) {
  if (id.attempt <= 1 || now < row.created_at) return {};
  const Duration distance = backoff_delay(kMoveBackoff, kMoveMaxBackoff, id.attempt - 1, to_string(id));
  return std::max(row.created_at + distance - now, Duration::zero());
}

}  // namespace

std::vector<InstanceId> plan_relocation(Draft& draft, const AppRow& app) {
  std::map<std::uint64_t, std::vector<InstanceId>> due;  // by template
  if (app.deleting) return {};
  CurrentTemplate current(draft.world(), app.app->name(), app.rollout);
  const bool fills_up = has_stand_ins(draft.world(), app);
  CurrentTemplate live(draft.world(), app.app->name(), app.state.live);
  for_each_instance(draft.world(), app.app->name(), [&](const InstanceId& id, const InstanceRow& row) {
    const bool is_wanted = current.covers(id.rollout) || (fills_up && live.covers(id.rollout));
    if (row.goal == InstanceGoal::kStop || row.node.empty() || !is_wanted) return;
    if (id.slot >= app.app->spec.replicas || !cannot_be_started(*row.status)) return;
    const Duration wait = left_to_wait(id, row, draft.now().wall);
    if (wait > Duration::zero()) {
      draft.wake_at(draft.now().boot + wait);
    } else {
      due[id.rollout].push_back(id);
    }
  });
  std::vector<InstanceId> may_go;
  for (const auto& [rollout, ids] : due) {
    const Shared<BootSpec> boot = *draft.world().templates.find({app.app->name(), rollout});
    Placer placer(draft.world(), *app.app, *boot, draft.now().boot);
    for (const InstanceId& id : ids) {
      if (!std::holds_alternative<Symbol>(placer.next(id.slot))) break;
      may_go.push_back(id);
    }
  }
  return may_go;
}

}  // namespace unik::controller
