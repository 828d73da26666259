#include "agent/core/restart.hpp"

#include "agent/core/plan.hpp"
#include "api/backoff.hpp"
#include "api/check.hpp"

namespace unik::agent {
namespace {

void forget_streak_if_earned(RestartState& restart, Time now) {
  if (restart.ready_since && now - *restart.ready_since >= kHealthyReset) restart.quick_failures = 0;
  restart.ready_since.reset();
}

void restart_after_wait(Instance& instance, std::string_view reason, Time now) {
  const Restart& policy = instance.goal.run.restart;
  instance.record.restarts += 1;
  instance.restart.quick_failures += 1;
  instance.restart.reason = reason;
  instance.restart.by_exit = reason == "backoff";
  // A VM that cannot be launched is the node's fault, not the app's: another node may do better, so it keeps its name.
  if (instance.restart.quick_failures >= kCrashLoopFailures && reason != "launch_failed")
    instance.restart.reason = "crash_loop";
  instance.restart.not_before =
      now + backoff_delay(policy.backoff, policy.max_backoff, instance.restart.quick_failures, to_string(instance.id));
  instance.vm.decided = instance.restart.not_before;
}

void restart_at_once(Instance& instance, Time now) {
  instance.record.restarts += 1;
  instance.restart.not_before = now;
  instance.vm.decided = now;
}

std::string describe_exit(const Exit& exit, bool app_ran) {
  const std::string code = std::to_string(exit.code);
  switch (exit.kind) {
    case ExitKind::kExited:
      return "the app exited with code " + code;
    case ExitKind::kSignaled:
      return "the app was ended by signal " + code;
    case ExitKind::kOutOfMemory:
      return "the guest ran out of memory: raise resources.memory";
    case ExitKind::kPanicked:
      return "the guest's kernel panicked: see the end of its console";
    case ExitKind::kCrashed:
      return app_ran ? "the VM ended without a word"
                     : "the VM ended without a word before the app started: raise resources.memory, its kernel may "
                       "need more than that to come up";
  }
  UNIK_CHECK(false, "an exit kind outside its enumeration");
}

// It is not started again; what was said last says why.
void note_end(Instance& instance, std::string_view reason) {
  instance.record.ended = true;
  instance.record.ended_reason = reason;
  instance.record.ended_message = instance.recent_problem;
}

// The app has not run. Unless what was asked for can never run, that is the node's fault (no QEMU, no memory, an image
// that has gone) and may pass, so that it is tried again even under `never`.
void end_unstarted(Instance& instance, const Error& error, Time now) {
  if (error.code == ErrorCode::kInvalid) return fail_for_good(instance, error, "launch_failed");
  instance.recent_problem = error.message;
  restart_after_wait(instance, "launch_failed", now);
}

void end_unbooted(Instance& instance, Time now) {
  const Error error = timed_out(
      "boot_timeout", "the guest did not start the app within " + format_duration(kBootDeadline) + ": see its console");
  // It may have run unseen, so that `never` holds.
  if (instance.goal.run.restart.policy == RestartPolicy::kNever) return fail_for_good(instance, error, "boot_timeout");
  end_unstarted(instance, error, now);
}

// Stopped for want of the controller's word: no failure of the app, and it goes on when the word comes. What may run
// only once has run.
void end_silenced(Instance& instance, const Exit& exit, Time now) {
  instance.record.last_exit = exit;
  instance.recent_problem = "stopped: the controller was silent for too long";
  if (instance.goal.run.restart.policy != RestartPolicy::kNever) return restart_at_once(instance, now);
  note_end(instance, "controller_silent");
}

void end_booted(Instance& instance, const Exit& exit, bool app_ran, bool unhealthy, Time now) {
  instance.record.last_exit = exit;
  instance.recent_problem = unhealthy ? "unhealthy: " + instance.health.detail : describe_exit(exit, app_ran);
  if (unhealthy) return restart_after_wait(instance, "unhealthy", now);
  if (starts_again(instance.goal.run.restart.policy, exit)) return restart_after_wait(instance, "backoff", now);
  note_end(instance, "");
}

}  // namespace

void end_run(Instance& instance, const RunEnd& end, Time now) {
  const std::optional<Stopping> stop = instance.stop;
  const bool app_ran = instance.vm.state != VmState::kStarting;
  const Exit exit = end.exit.value_or(Exit{ExitKind::kCrashed, 0});
  instance.vm.state = VmState::kNone;
  instance.vm.remains = true;
  instance.stop.reset();
  forget_streak_if_earned(instance.restart, now);

  if (instance.want != Want::kRunning) {
    instance.record.last_exit = exit;
  } else if (stop && stop->cause == StopCause::kGoal) {
    instance.record.last_exit = exit;  // stopped for an earlier goal, and wanted again by now
    restart_at_once(instance, now);
  } else if (stop && stop->cause == StopCause::kSilence) {
    end_silenced(instance, exit, now);
  } else if (stop && stop->cause == StopCause::kBootTimeout) {
    end_unbooted(instance, now);
  } else if (end.error && !end.exit && !app_ran) {
    end_unstarted(instance, *end.error, now);
  } else {
    end_booted(instance, exit, app_ran, stop.has_value(), now);
  }
  instance.health = {};
}

void retire(Instance& instance, Time now) {
  InstanceRecord& record = instance.record;
  const bool waits = instance.vm.state == VmState::kNone && !record.ended && now < instance.restart.not_before;
  if (!waits || !record.last_exit || instance.restart.reason == "launch_failed") return;
  const RestartPolicy policy = instance.goal.run.restart.policy;
  // What was stopped as unhealthy is started again however it took that; under `never` it has had its run.
  const bool judged = instance.restart.by_exit || policy == RestartPolicy::kNever;
  if (!judged || starts_again(policy, *record.last_exit)) return;
  record.restarts -= 1;  // it was counted when it was decided on
  note_end(instance, "");
}

void fail_for_good(Instance& instance, const Error& error, std::string_view fallback_reason) {
  instance.recent_problem = error.message;
  note_end(instance, error.reason.empty() ? fallback_reason : std::string_view(error.reason));
}

void note_ready(Instance& instance, Time now) {
  if (!is_serving(instance)) return forget_streak_if_earned(instance.restart, now);
  if (!instance.restart.ready_since) instance.restart.ready_since = now;
}

std::string_view exit_reason(const Exit& exit) {
  switch (exit.kind) {
    case ExitKind::kExited:
      return exit.code == 0 ? "completed" : "error";
    case ExitKind::kSignaled:
      return "signaled";
    case ExitKind::kOutOfMemory:
      return "out_of_memory";
    case ExitKind::kPanicked:
      return "kernel_panic";
    case ExitKind::kCrashed:
      return "vm_crashed";
  }
  UNIK_CHECK(false, "an exit kind outside its enumeration");
}

}  // namespace unik::agent
