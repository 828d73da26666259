#include "controller/core/relocate.hpp"

#include <algorithm>
#include <variant>

#include "api/backoff.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/place.hpp"

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
  std::vector<InstanceId> due;
  if (app.deleting) return due;
  CurrentTemplate current(draft.world(), app.app->name(), app.rollout);
  for_each_instance(draft.world(), app.app->name(), [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kStop || row.node.empty() || !current.covers(id.rollout)) return;
    if (id.slot >= app.app->spec.replicas || !cannot_be_started(*row.status)) return;
    const Duration wait = left_to_wait(id, row, draft.now().wall);
    if (wait > Duration::zero()) {
      draft.wake_at(draft.now().boot + wait);
    } else {
      due.push_back(id);
    }
  });
  if (due.empty()) return due;
  const Shared<BootSpec> boot = *draft.world().templates.find({app.app->name(), app.rollout});
  Placer placer(draft.world(), *app.app, *boot, draft.now().boot);
  std::size_t places = 0;
  while (places < due.size() && std::holds_alternative<Symbol>(placer.next(due[places].slot))) ++places;
  due.resize(places);
  return due;
}

}  // namespace unik::controller
