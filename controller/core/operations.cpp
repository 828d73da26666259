#include "controller/core/operations.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/check.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/place.hpp"
#include "controller/core/relocate.hpp"
#include "controller/core/rollout_facts.hpp"
#include "controller/core/steer.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

struct Progress {
  std::uint32_t desired = 0;
  std::uint32_t arrived = 0;  // ready, or ended well
  std::uint32_t ended = 0;    // well
  std::uint32_t attempts = 0;
  bool old_ones_left = false;
  bool has_empty_slots = false;             // slots in which nothing is, nor waits
  bool moving = false;                      // something is expected to happen by itself
  std::optional<Error> block;               // why nothing happens for the first of those for which nothing does
  const InstanceStatus* trouble = nullptr;  // of the first current instance that cannot come to serve
  InstanceId troubled;
  const InstanceStatus* waiting = nullptr;  // of the first current instance that has not arrived
  InstanceId waiter;
};

bool is_trouble(const InstanceStatus& status) {
  return status.phase == Phase::kFailed || status.reason == "crash_loop" ||
         (status.phase == Phase::kExited && !ended_well(status));
}

std::string describe(const InstanceId& id, const InstanceStatus& status) {
  std::string text = short_name(id) + ": ";
  if (!status.reason.empty())
    text += status.reason;
  else
    text += status.health == Health::kStarting ? "its health check has not passed yet" : to_string(status.phase);
  if (!status.message.empty()) text += ": " + status.message;
  return text;
}

// What keeps an instance from moving on by itself; empty when nothing does.
std::optional<Error> block_of(const World& world, const InstanceId& id, const InstanceRow& row) {
  if (row.node.empty()) return exhausted(row.status->reason, describe(id, *row.status));
  if (const NodeRow* const node = world.nodes.find(row.node); node != nullptr && node->health != NodeHealth::kReady)
    return unavailable("node_silent", short_name(id) + " is on node " + row.node.str() + ", which is silent");
  if (cannot_be_started(*row.status))
    return unavailable(row.status->reason, "on " + row.node.str() + " " + describe(id, *row.status));
  return std::nullopt;
}

Progress progress_of(const World& world, const AppName& name, const AppRow& app) {
  Progress progress;
  progress.desired = app.app->spec.replicas;
  CurrentTemplate current(world, name, app.rollout);
  std::set<std::uint32_t> filled;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.goal == InstanceGoal::kStop) return;
    filled.insert(id.slot);
    const InstanceStatus& status = *row.status;
    const bool lost = is_lost(world, row.node) && !has_ended(status);
    if (!current.covers(id.rollout)) {
      progress.old_ones_left |= !lost;
      return;
    }
    if (lost) {
      if (!progress.block) progress.block = block_of(world, id, row);
      return;
    }
    if (!row.node.empty()) progress.attempts = std::max(progress.attempts, status.restarts + id.attempt);
    if ((is_ready(status) && !is_silent(world, row.node)) || ended_well(status)) {
      ++progress.arrived;
      if (ended_well(status)) ++progress.ended;
      return;
    }
    if (is_trouble(status)) {
      if (progress.trouble == nullptr) progress.troubled = id;
      if (progress.trouble == nullptr) progress.trouble = &status;
      return;
    }
    if (progress.waiting == nullptr) progress.waiter = id;
    if (progress.waiting == nullptr) progress.waiting = &status;
    std::optional<Error> block = block_of(world, id, row);
    if (!block) progress.moving = true;
    if (block && !progress.block) progress.block = std::move(block);
  });
  progress.has_empty_slots = filled.size() < progress.desired;
  return progress;
}

void fail(Operation& operation, Error error) {
  operation.state = OperationState::kFailed;
  operation.message = error.message;
  error.trace_id = operation.trace_id;
  operation.error = std::move(error);
}

void work_on(Operation& operation, std::string message) {
  operation.state = OperationState::kRunning;
  operation.message = std::move(message);
  operation.error.reset();
}

// It keeps nobody else from working meanwhile, and goes on by itself when what is in the way has gone.
void wait_for(Operation& operation, Error block, std::string message) {
  operation.state = OperationState::kPending;
  operation.message = std::move(message);
  block.trace_id = operation.trace_id;
  operation.error = std::move(block);
}

void wait_for_turn(const World& world, Operation& operation) {
  operation.state = OperationState::kPending;
  operation.message = "waits for its turn: " + counted(world.max_operations, "operation") +
                      (world.max_operations == 1 ? " is" : " are") + " at work, the most that may be";
  operation.error.reset();
}

// The rollout goes no further before somebody says so; what it is, for people.
std::optional<std::string> awaited_hand(const World& world, const AppName& name, const AppRow& app) {
  if (is_paused_by_hand(app.state)) return "paused " + told_of(app).message;
  const RolloutPolicy policy = rollout_policy(world, *app.app);
  const RolloutClock* const clock = world.clocks.rollouts.find(name);
  const bool baking = clock != nullptr && clock->rollout == app.rollout && clock->baking;
  const bool manual = policy.strategy == RolloutStrategy::kCanary && policy.canary.promote == Promotion::kManual;
  if (!manual || !baking || app.state.promoted) return std::nullopt;
  return "its canaries wait for `unikctl rollout promote " + name.app.str() + "`";
}

// Whether any that waits for a place would find one now: without a turn nobody has looked. What is strict has the room
// of what is before it in its slot, too.
bool has_place(const World& world, const AppName& name, const AppRow& app, Time now) {
  const Shared<BootSpec>* const boot = world.templates.find({name, app.rollout});
  if (boot == nullptr) return false;
  std::vector<InstanceId> waiting, before;
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (!row.node.empty()) {
      before.push_back(id);
    } else if (row.goal == InstanceGoal::kRun && id.rollout == app.rollout) {
      waiting.push_back(id);
    }
  });
  const auto fits = [&](const World& there, const InstanceId& id) {
    return std::holds_alternative<Symbol>(Placer(there, *app.app, **boot, now).next(id.slot));
  };
  return std::ranges::any_of(waiting, [&](const InstanceId& id) {
    if ((*boot)->singleton != Singleton::kStrict) return fits(world, id);
    World without = world;
    for (const InstanceId& old : before)
      if (old.slot == id.slot) apply(without, RemoveInstance{old});
    return fits(without, id);
  });
}

void follow_deploy(const World& world, bool turn, Time now, Operation& operation) {
  const AppRow* const app = world.apps.find(operation.target);
  if (app == nullptr || app->app->metadata.uid != operation.uid || app->deleting)
    return fail(operation, conflict("destroyed", "the app was destroyed before the deploy was done"));
  const std::uint64_t generation = app->app->metadata.generation;
  if (generation > operation.generation)
    return fail(operation, conflict("superseded", "generation " + std::to_string(generation) + " has replaced it"));
  if (app->frozen_generation == generation) return fail(operation, internal("frozen", app->frozen_message));

  // With more replicas the generation is another, and nothing comes of what failed all the same.
  const RolloutState& state = app->state;
  const bool is_over = (state.phase == RolloutPhase::kPaused && !state.held) ||
                       (state.phase == RolloutPhase::kFailed && state.live != 0 && !is_job(*app->app));
  const bool has_failed = (is_over && app->app->spec.replicas > 0) || state.failed_generation == generation;
  const bool runs_another = app->app->spec.replicas > 0 && !runs_what_is_declared(world, *app);
  const bool given_up = has_failed || runs_another;
  if (given_up && !app->state.reason.empty())
    return fail(operation, unavailable(app->state.reason, app->state.message));

  const Progress progress = progress_of(world, operation.target, *app);
  operation.attempts = std::max(operation.attempts, progress.attempts);
  const bool job = is_job(*app->app);
  std::string message = std::to_string(job ? progress.ended : progress.arrived) + " of " +
                        std::to_string(progress.desired) + (job ? " ended well" : " ready");
  if (progress.trouble != nullptr)
    return fail(operation, unavailable(progress.trouble->reason, describe(progress.troubled, *progress.trouble)));
  if (progress.arrived >= progress.desired && !progress.old_ones_left) {
    operation.started = job;
    work_on(operation, std::move(message));
    if (!job || progress.ended >= progress.desired) operation.state = OperationState::kSucceeded;
    return;
  }
  // What is still to come waits for no hand, and so for its turn.
  const bool needs_turn = !turn && progress.has_empty_slots;
  if (const auto hand = awaited_hand(world, operation.target, *app); hand && progress.old_ones_left && !needs_turn)
    return wait_for(operation, unavailable("awaits_hand", *hand), message + ", " + *hand);
  const bool blocked = progress.block && !progress.moving;
  // One that could do nothing with a turn asks for none.
  const bool was_blocked = blocked && operation.error && operation.error->reason == progress.block->reason;
  if (!turn && (!was_blocked || has_place(world, operation.target, *app, now))) return wait_for_turn(world, operation);
  if (operation.attempts > 1) message += ", attempt " + std::to_string(operation.attempts);
  if (blocked) return wait_for(operation, *progress.block, message + ", " + progress.block->message);
  if (progress.waiting != nullptr) message += ", " + describe(progress.waiter, *progress.waiting);
  work_on(operation, std::move(message));
}

// An app of the same name may have been declared since: instances of templates that came with or after the destroy are
// not its business, those from before it are, whichever app they now count to.
void follow_destroy(const World& world, const OperationKey& key, bool turn, Operation& operation) {
  std::size_t left = 0;
  bool moving = false;
  Symbol silent;
  for_each_instance(world, operation.target, [&](const InstanceId& id, const InstanceRow& row) {
    if (id.rollout % kRolloutsPerRecovery >= key.seq) return;
    ++left;
    const NodeRow* const node = world.nodes.find(row.node);
    const bool is_silent = node != nullptr && node->health != NodeHealth::kReady;
    if (is_silent && silent.empty()) silent = row.node;
    moving |= !is_silent;
  });
  const AppRow* const app = world.apps.find(operation.target);
  const bool is_there = app != nullptr && app->app->metadata.uid == operation.uid;
  if (left == 0 && !is_there) {
    work_on(operation, "gone");
    operation.state = OperationState::kSucceeded;
    return;
  }
  const bool blocked = !silent.empty() && !moving;
  if (!turn && !(blocked && operation.error)) return wait_for_turn(world, operation);
  std::string message = counted(left, "instance") + (left == 1 ? " is" : " are") + " stopping";
  if (!blocked) return work_on(operation, std::move(message));
  wait_for(operation, unavailable("node_silent", message + " on node " + silent.str() + ", which is silent"), message);
}

}  // namespace

std::uint32_t next_operation_index(const World& world) {
  std::uint32_t index = 0;
  for (auto it = world.operations.lower_bound({world.revision, 0}); it != world.operations.end(); ++it)
    index = it->first.index + 1;
  return index;
}

bool has_turn(const World& world, const AppName& app) {
  bool any = false;
  const auto& active = world.active_operations;
  for (auto it = active.lower_bound({app, {}}); it != active.end() && it->first.app == app; ++it) {
    if ((*world.operations.find(it->first.key))->state == OperationState::kRunning) return true;
    any = true;
  }
  return !any || has_free_turn(world);
}

void add_next_in_turn(const World& world, Dirty& dirty) {
  if (world.history_lost) return;
  std::uint32_t turns = world.max_operations - std::min(world.operations_at_work, world.max_operations);
  for (auto it = world.queued_operations.begin(); turns > 0 && it != world.queued_operations.end(); ++it, --turns)
    dirty.apps.insert(it->second);
}

void add_blocked(const World& world, Dirty& dirty) {
  if (!std::exchange(dirty.turns, false) || world.history_lost) return;
  for (const auto& [key, app] : world.blocked_operations) dirty.apps.insert(app);
}

void follow_operations(Draft& draft, const AppName& app, bool turn) {
  std::vector<OperationKey> keys;
  const auto& active = draft.world().active_operations;
  for (auto it = active.lower_bound({app, {}}); it != active.end() && it->first.app == app; ++it)
    keys.push_back(it->first.key);
  for (const OperationKey& key : keys) {
    const Operation before = **draft.world().operations.find(key);
    Operation after = before;
    switch (after.kind) {
      case OperationKind::kDeploy:
        follow_deploy(draft.world(), turn, draft.now().boot, after);
        break;
      case OperationKind::kDestroy:
        follow_destroy(draft.world(), key, turn, after);
        break;
      case OperationKind::kBuild:
        UNIK_CHECK(false, "a build among the operations that follow an app");
    }
    if (after == before) continue;
    after.updated_at = draft.now().wall;
    draft.because("operation " + after.operation_id, std::string(to_string(after.state)) + ": " + after.message,
                  after.trace_id);
    draft.change(PutOperation{key, std::move(after)});
  }
}

}  // namespace unik::controller
