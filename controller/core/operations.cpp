#include "controller/core/operations.hpp"

#include <string>
#include <utility>
#include <vector>

#include "controller/core/diff.hpp"

namespace unik::controller {
namespace {

struct Progress {
  std::uint32_t desired = 0;
  std::uint32_t arrived = 0;  // ready, or a job that has ended well
  std::uint32_t placed = 0;
  std::uint32_t attempts = 0;
  bool old_ones_left = false;
  const InstanceStatus* trouble = nullptr;  // of the first current instance that cannot come to serve
  InstanceId troubled;
  const InstanceStatus* waiting = nullptr;  // of the first current instance that has not arrived
};

bool ended_well(const InstanceStatus& status) {
  return status.phase == Phase::kExited && status.last_exit && *status.last_exit == Exit{ExitKind::kExited, 0};
}

bool is_trouble(const InstanceStatus& status) {
  return status.phase == Phase::kFailed || status.reason == "crash_loop" ||
         (status.phase == Phase::kExited && !ended_well(status));
}

Progress progress_of(const World& world, const AppName& name, const AppRow& app) {
  Progress progress;
  progress.desired = app.app->spec.replicas;
  CurrentTemplate current(world, name, app.rollout);
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    const NodeRow* const node = world.nodes.find(row.node);
    if (row.goal == InstanceGoal::kStop || (node != nullptr && node->health == NodeHealth::kLost)) return;
    if (!current.covers(id.rollout)) {
      progress.old_ones_left = true;
      return;
    }
    const InstanceStatus& status = *row.status;
    if (!row.node.empty()) {
      ++progress.placed;
      progress.attempts += status.restarts + 1;
    }
    if (is_ready(status) || ended_well(status)) {
      ++progress.arrived;
    } else if (is_trouble(status)) {
      if (progress.trouble == nullptr) progress.troubled = id;
      if (progress.trouble == nullptr) progress.trouble = &status;
    } else if (progress.waiting == nullptr) {
      progress.waiting = &status;
    }
  });
  return progress;
}

void fail(Operation& operation, Error error) {
  operation.state = OperationState::kFailed;
  operation.message = error.message;
  error.trace_id = operation.trace_id;
  operation.error = std::move(error);
}

std::string describe_trouble(const Progress& progress) {
  std::string text = short_name(progress.troubled) + ": " + progress.trouble->reason;
  if (!progress.trouble->message.empty()) text += ": " + progress.trouble->message;
  return text;
}

void follow_deploy(const World& world, Operation& operation) {
  const AppRow* const app = world.apps.find(operation.target);
  if (app == nullptr || app->app->metadata.uid != operation.uid || app->deleting)
    return fail(operation, conflict("destroyed", "the app was destroyed before the deploy was done"));
  const std::uint64_t generation = app->app->metadata.generation;
  if (generation > operation.generation)
    return fail(operation, conflict("superseded", "generation " + std::to_string(generation) + " has replaced it"));
  if (app->frozen_generation == generation) return fail(operation, internal("frozen", app->frozen_message));

  const bool given_up = !runs_what_is_declared(world, *app) || app->state.failed_generation == generation;
  if (given_up && !app->state.reason.empty())
    return fail(operation, unavailable(app->state.reason, app->state.message));

  const Progress progress = progress_of(world, operation.target, *app);
  operation.attempts = progress.attempts;
  operation.message = std::to_string(progress.arrived) + " of " + std::to_string(progress.desired) + " ready";
  if (progress.trouble != nullptr)
    return fail(operation, unavailable(progress.trouble->reason, describe_trouble(progress)));
  if (progress.arrived >= progress.desired && !progress.old_ones_left) {
    operation.state = OperationState::kSucceeded;
    return;
  }
  operation.state = progress.placed > 0 ? OperationState::kRunning : OperationState::kPending;
  if (progress.waiting != nullptr) operation.message += ", " + progress.waiting->reason;
}

// An app of the same name may have been declared since: instances of templates that came with or after the destroy are
// not its business, those from before it are, whichever app they now count to.
void follow_destroy(const World& world, const OperationKey& key, Operation& operation) {
  std::size_t left = 0;
  for_each_instance(world, operation.target, [&](const InstanceId& id, const InstanceRow&) {
    if (id.rollout < key.seq) ++left;
  });
  const AppRow* const app = world.apps.find(operation.target);
  const bool is_there = app != nullptr && app->app->metadata.uid == operation.uid;
  if (left == 0 && !is_there) {
    operation.state = OperationState::kSucceeded;
    operation.message = "gone";
    return;
  }
  operation.state = OperationState::kRunning;
  operation.message = std::to_string(left) + (left == 1 ? " instance is" : " instances are") + " stopping";
}

}  // namespace

void follow_operations(Draft& draft, const AppName& app) {
  std::vector<OperationKey> keys;
  const auto& active = draft.world().active_operations;
  for (auto it = active.lower_bound({app, {}}); it != active.end() && it->first.app == app; ++it)
    keys.push_back(it->first.key);
  for (const OperationKey& key : keys) {
    const Operation before = **draft.world().operations.find(key);
    Operation after = before;
    switch (after.kind) {
      case OperationKind::kDeploy: follow_deploy(draft.world(), after); break;
      case OperationKind::kDestroy: follow_destroy(draft.world(), key, after); break;
    }
    if (after == before) continue;
    after.updated_at = draft.now().wall;
    draft.because("operation " + after.operation_id, std::string(to_string(after.state)) + ": " + after.message);
    draft.change(PutOperation{key, std::move(after)});
  }
}

}  // namespace unik::controller
