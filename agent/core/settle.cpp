#include "agent/core/settle.hpp"

#include <algorithm>
#include <utility>

#include "agent/core/goals.hpp"
#include "agent/core/plan.hpp"
#include "agent/core/report.hpp"
#include "agent/core/restart.hpp"
#include "api/check.hpp"

namespace unik::agent {
namespace {

void settle(NodeState& node, Instance& instance);
bool move(NodeState& node, Instance& instance, const Step& step);
void launch(NodeState& node, Instance& instance);
void forget(NodeState& node, Instance& instance);
void erase(NodeState& node, Instance& instance);
std::optional<Time> probe(NodeState& node, Instance& instance);
void give_up_probe(NodeState& node, Instance& instance);
void observe(NodeState& node, Instance& instance, Bucket bucket);

Surroundings surroundings_of(const NodeState& node, const Instance& instance) {
  return {node.images.is_ready(wanted_image(instance.goal)), node.table.is_listed(instance.id),
          node.keeper.saved_version(), node.contact, node.table.is_leaving(instance.record.address)};
}

}  // namespace

void touch_due(NodeState& node) {
  for (const InstanceId& id : node.timers.take_due(node.now.boot)) node.touch(id);
}

void settle_touched(NodeState& node) {
  for (const InstanceId& id : std::exchange(node.touched, {}))
    if (Instance* instance = node.find(id)) settle(node, *instance);
}

std::size_t count_unsettled(const NodeState& node, Time now) {
  return static_cast<std::size_t>(std::ranges::count_if(node.instances, [&](const auto& entry) {
    return plan_step(entry.second, surroundings_of(node, entry.second), now).move != Move::kNone;
  }));
}

namespace {

// Moves an instance until its plan says to wait.
void settle(NodeState& node, Instance& instance) {
  give_up_probe(node, instance);
  Step step = plan_step(instance, surroundings_of(node, instance), node.now.boot);
  for (int moves = 0; step.move != Move::kNone; ++moves) {
    UNIK_CHECK(moves < kMostMoves, "an instance's plan goes in circles");
    if (!move(node, instance, step)) return;
    step = plan_step(instance, surroundings_of(node, instance), node.now.boot);
  }
  if (step.bucket == Bucket::kStore) node.awaiting_record.insert(instance.id);
  node.timers.set(instance.id, earlier(step.wake, probe(node, instance)));
  observe(node, instance, step.bucket);
}

// Carries one step out; false when the instance is gone by it.
bool move(NodeState& node, Instance& instance, const Step& step) {
  if (step.move != Move::kAskImage && step.move != Move::kErase)
    node.note(instance, std::string(to_string(step.bucket)) + ": " + std::string(step.reason));
  switch (step.move) {
    case Move::kNone:
      return true;
    case Move::kErase:
      erase(node, instance);
      return false;
    case Move::kForget:
      forget(node, instance);
      return true;
    case Move::kBeginStop:
      instance.stop = Stopping{step.cause, node.now.boot, std::nullopt, {}};
      return true;
    case Move::kStopStep:
      instance.stop->last = step.stop_step;
      instance.stop->last_at = node.now.boot;
      node.emit(StopVm{instance.id, step.stop_step});
      return true;
    case Move::kAskImage:
      instance.awaits_image = true;
      node.images.ask(wanted_image(instance.goal), instance.id, node.now.boot);
      return true;
    case Move::kLaunch:
      launch(node, instance);
      return true;
  }
  UNIK_CHECK(false, "a move outside its enumeration");
}

void launch(NodeState& node, Instance& instance) {
  VmLife vm;
  vm.state = VmState::kStarting;
  vm.remains = true;
  vm.run = instance.record.restarts;
  vm.accelerator = instance.vm.accelerator;
  vm.started_at = instance.vm.started_at;
  vm.boot = std::exchange(instance.next_boot, {});
  vm.decided = instance.vm.decided;
  vm.launched = node.now.boot;
  instance.vm = vm;
  if (is_strict(instance.goal.boot)) node.emit(KeepLease{*node.contact.renewed});
  node.emit(LaunchVm{instance.id, instance.goal.boot, instance.record.address, vm.run});
}

void forget(NodeState& node, Instance& instance) {
  node.emit(ForgetVm{instance.id});
  node.keeper.mark();
  const Instance before = std::exchange(instance, Instance{});
  instance.id = before.id;
  instance.want = before.want;
  instance.stop_timeout = before.stop_timeout;
  instance.trace_id = before.trace_id;
  instance.reported = before.reported;
  instance.takes_traffic = before.takes_traffic;
  instance.forgotten = true;
}

void erase(NodeState& node, Instance& instance) {
  const InstanceId id = instance.id;
  if (instance.reported) node.body_changed = true;
  if (instance.takes_traffic) node.table.mark();
  node.keeper.mark();
  node.timers.set(id, std::nullopt);
  node.instances.erase(id);
}

// Sends a probe that is due; returns when to look at the next one.
std::optional<Time> probe(NodeState& node, Instance& instance) {
  const std::optional<HealthCheck>& check = instance.goal.run.health;
  const bool probed = instance.want == Want::kRunning && instance.vm.state == VmState::kRunning && !instance.stop;
  if (!probed || !check || instance.health.value == Health::kNone) return std::nullopt;
  if (plan_probe(instance.health, node.now.boot) == ProbeMove::kSend) {
    note_sent(instance.health, *check, ++node.probes, node.now.boot);
    node.emit(ProbeHealth{instance.id, node.probes, instance.record.address, *check});
  }
  return instance.health.next;
}

void give_up_probe(NodeState& node, Instance& instance) {
  if (!instance.goal.run.health || plan_probe(instance.health, node.now.boot) != ProbeMove::kGiveUp) return;
  note_answer(instance.health, *instance.goal.run.health, false, "the probe was not answered", node.now.boot);
}

// What others see of it may have changed: the report, and the forwarder's table.
void observe(NodeState& node, Instance& instance, Bucket bucket) {
  note_ready(instance, node.now.boot);
  const bool reported = is_reported(instance);
  InstanceStatus status = reported ? describe(instance, bucket) : InstanceStatus{};
  if (reported != instance.reported || status != instance.status) node.body_changed = true;
  instance.reported = reported;
  instance.status = std::move(status);
  const bool takes_traffic = is_serving(instance);
  if (takes_traffic != instance.takes_traffic) node.table.mark();
  instance.takes_traffic = takes_traffic;
}

}  // namespace
}  // namespace unik::agent
