#include "agent/core/happenings.hpp"

#include "agent/core/goals.hpp"
#include "agent/core/restart.hpp"
#include "agent/core/settle.hpp"

namespace unik::agent {

namespace {

// So that the next agent can still tell how this run came up.
void keep_boot(NodeState& node, Instance& instance) {
  change_record(node, instance, [&] {
    instance.record.boot = instance.vm.boot;
    instance.record.boot_run = instance.vm.run;
  });
}

bool is_first_byte(const Instance& instance, const VmStarted& started) {
  return instance.vm.state == VmState::kRunning && instance.vm.boot.first_byte == Duration::zero() &&
         started.first_byte > Duration::zero();
}

// Under other keys by now, it waits for another answer.
bool awaits(const Instance& instance, const WantedImage& answered) {
  return instance.awaits_image && (instance.want != Want::kRunning || wanted_image(instance.goal) == answered);
}

}  // namespace

void take(NodeState& node, const ImageReady& ready) {
  for (const InstanceId& id : node.images.arrived(ready.wanted)) {
    Instance* instance = node.find(id);
    if (instance == nullptr || !awaits(*instance, ready.wanted)) continue;
    instance->awaits_image = false;
    instance->next_boot.fetch = ready.fetch;
    instance->next_boot.prepare = ready.prepare;
    node.touch(id);
  }
}

void take(NodeState& node, const ImageFailed& failed) {
  const bool for_good = !traits(failed.error.code).retryable;
  node.note("image " + failed.wanted.image + (for_good ? " cannot be had: " : " is tried again: ") +
            to_string(failed.error));
  for (const InstanceId& id : node.images.failed(failed.wanted, failed.error, node.now.boot)) {
    Instance* instance = node.find(id);
    if (instance == nullptr || !awaits(*instance, failed.wanted)) continue;
    instance->recent_problem = failed.error.message;
    if (for_good) {
      instance->awaits_image = false;
      if (instance->want == Want::kRunning)
        change_record(node, *instance, [&] { fail_for_good(*instance, failed.error, "image_invalid"); });
    }
    node.touch(id);
  }
}

void take(NodeState& node, const VmStarted& started) {
  Instance* instance = node.find(started.id);
  if (instance == nullptr || instance->vm.run != started.run) return;
  VmLife& vm = instance->vm;
  if (is_first_byte(*instance, started)) {
    vm.boot.first_byte = started.first_byte;  // the run's own file keeps it for the next agent
    node.touch(started.id);
  }
  if (vm.state != VmState::kStarting) return;
  vm.state = VmState::kRunning;
  vm.started_at = started.at;
  vm.accelerator = started.accelerator;
  vm.boot.start = started.start;
  vm.boot.first_byte = started.first_byte;
  // Not until it is heard: when a quiet app says its first word is up to those who use it, and boots are compared.
  vm.boot.total = vm.launched - vm.decided + started.start;
  instance->recent_problem.clear();
  if (instance->want == Want::kRunning) instance->health = begin_health(instance->goal.run.health, node.now.boot);
  if (!instance->goal.run.health) keep_boot(node, *instance);
  node.touch(started.id);
}

void take(NodeState& node, const VmEnded& ended) {
  Instance* instance = node.find(ended.id);
  if (instance == nullptr || instance->vm.state == VmState::kNone || instance->vm.run != ended.run) return;
  if (ended.error && !ended.exit) node.images.doubt(instance->goal.boot.image);
  change_record(node, *instance, [&] { end_run(*instance, RunEnd{ended.exit, ended.error}, node.now.boot); });
  node.note(*instance, "run " + std::to_string(ended.run) + " ended: " +
                           (ended.error ? to_string(*ended.error)
                                        : std::string(exit_reason(ended.exit.value_or(Exit{ExitKind::kCrashed})))));
  node.touch(ended.id);
}

void take(NodeState& node, const ProbeDone& done) {
  Instance* instance = node.find(done.id);
  if (instance == nullptr || done.probe == 0 || instance->health.probe != done.probe) return;
  if (!instance->goal.run.health) return;
  const bool passed_before = instance->health.passed;
  note_answer(instance->health, *instance->goal.run.health, done.passed, done.detail, node.now.boot);
  if (!passed_before && done.passed && !instance->vm.adopted) {
    instance->vm.boot.healthy = node.now.boot - instance->vm.decided;
    keep_boot(node, *instance);
  }
  node.touch(done.id);
}

}  // namespace unik::agent
