#include "agent/core/plan.hpp"

#include <array>

#include "agent/core/timers.hpp"
#include "api/check.hpp"

namespace unik::agent {
namespace {

Step waiting(Bucket bucket, std::string_view reason, std::optional<Time> wake = std::nullopt) {
  Step step;
  step.bucket = bucket;
  step.reason = reason;
  step.wake = wake;
  return step;
}

Step moving(Bucket bucket, Move move, std::string_view reason) {
  Step step;
  step.bucket = bucket;
  step.move = move;
  step.reason = reason;
  return step;
}

// Like a kubelet's liveness restart: an app that has failed its check `failures` times in a row is stopped and started
// again under its restart policy. Under `never` it is left running and reported unhealthy: nothing would come after it.
bool is_hopeless(const Instance& instance) {
  return instance.health.value == Health::kUnhealthy && instance.goal.run.restart.policy != RestartPolicy::kNever;
}

// Why a live VM has to go, if it has to.
std::optional<Step> plan_begin_stop(const Instance& instance, const Surroundings& around, Time now) {
  if (instance.want == Want::kAbsent) return moving(Bucket::kStop, Move::kBeginStop, "its goal says absent");
  if (instance.want == Want::kNothing) return std::nullopt;
  Step step = moving(Bucket::kStop, Move::kBeginStop, "the controller has been silent for too long");
  step.cause = StopCause::kSilence;
  if (const std::optional<Time> until = runs_until(instance.goal, around.contact); until && now >= *until) return step;
  step.reason = "its health check fails";
  step.cause = StopCause::kUnhealthy;
  if (is_hopeless(instance)) return step;
  step.reason = "its guest has not started the app in time";
  step.cause = StopCause::kBootTimeout;
  if (instance.vm.state == VmState::kStarting && now >= instance.vm.launched + kBootDeadline) return step;
  return std::nullopt;
}

Step plan_stop(const Instance& instance, const Stopping& stop, const Surroundings& around, Time now) {
  const Time table_deadline = stop.begun + kWithdrawWait;
  if (around.listed && !stop.last && now < table_deadline)
    return waiting(Bucket::kWithdraw, "leaves the forwarder's table before it is asked to stop", table_deadline);
  const Duration timeout = instance.want == Want::kAbsent ? instance.stop_timeout : instance.goal.run.stop_timeout;
  // One that is stopped because it fails its check would answer nobody, and one whose controller is silent has no time.
  if (around.in_flight && instance.want == Want::kAbsent && !stop.last && now < stop.begun + timeout)
    return waiting(Bucket::kWithdraw, "answers what it was asked before", stop.begun + timeout);
  const NextStop next = next_stop(stop, timeout);
  if (now < next.at) return waiting(Bucket::kStop, "has been told to stop", next.at);
  Step step = moving(Bucket::kStop, Move::kStopStep, "is to stop");
  step.stop_step = next.step;
  return step;
}

Step plan_alive(const Instance& instance, const Surroundings& around) {
  if (instance.want == Want::kNothing) return waiting(Bucket::kStray, "no goal names it: it is left alone");
  const std::optional<Time> until =
      instance.want == Want::kRunning ? runs_until(instance.goal, around.contact) : std::nullopt;
  if (instance.vm.state == VmState::kStarting)
    return waiting(Bucket::kStarting, "its guest boots", earlier(until, instance.vm.launched + kBootDeadline));
  return waiting(Bucket::kRunning, "its app runs", until);
}

Step plan_start(const Instance& instance, const Surroundings& around, Time now) {
  if (instance.record.ended) return waiting(Bucket::kEnded, "by its restart policy it is not started again");
  if (now < instance.restart.not_before)
    return waiting(Bucket::kBackoff, "waits before it is started again", instance.restart.not_before);
  if (!may_start(instance.goal, around.contact, now))
    return waiting(Bucket::kLease, "waits for the controller's word that it may run");
  if (around.saved_version < instance.stored_with)
    return waiting(Bucket::kStore, "its record must be saved before it is started");
  if (!around.image_ready) {
    if (instance.awaits_image) return waiting(Bucket::kFetch, "its image is being fetched");
    return moving(Bucket::kFetch, Move::kAskImage, "its image is not ready");
  }
  return moving(Bucket::kLaunch, Move::kLaunch, "its goal says running and there is no VM");
}

Step plan_without_vm(const Instance& instance, const Surroundings& around, Time now) {
  switch (instance.want) {
    case Want::kNothing:
      if (instance.vm.remains) return waiting(Bucket::kStray, "no goal names it: what is left of it stays");
      return moving(Bucket::kGone, Move::kErase, "no goal names it and nothing is left of it");
    case Want::kAbsent:
      if (instance.forgotten) return waiting(Bucket::kAbsent, "is absent");
      return moving(Bucket::kAbsent, Move::kForget, "its goal says absent and it has no VM");
    case Want::kRunning:
      return plan_start(instance, around, now);
  }
  UNIK_CHECK(false, "a want outside its enumeration");
}

constexpr std::array<std::string_view, 13> kBuckets = {"gone",   "stray",    "absent", "withdraw", "stop",
                                                       "ended",  "backoff",  "lease",  "store",    "fetch",
                                                       "launch", "starting", "running"};

}  // namespace

Step plan_step(const Instance& instance, const Surroundings& around, Time now) {
  if (instance.vm.state == VmState::kNone) return plan_without_vm(instance, around, now);
  if (instance.stop) return plan_stop(instance, *instance.stop, around, now);
  if (const std::optional<Step> begin = plan_begin_stop(instance, around, now)) return *begin;
  return plan_alive(instance, around);
}

std::string_view to_string(Bucket bucket) {
  const auto index = static_cast<std::size_t>(bucket);
  UNIK_CHECK(index < kBuckets.size(), "a bucket outside its enumeration");
  return kBuckets[index];
}

}  // namespace unik::agent
