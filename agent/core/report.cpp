#include "agent/core/report.hpp"

#include "agent/core/restart.hpp"
#include "api/check.hpp"
#include "api/stable_hash.hpp"

namespace unik::agent {
namespace {

struct PhaseReason {
  Phase phase = Phase::kPending;
  std::string_view reason;
};

PhaseReason describe_live(const Instance& instance) {
  const Phase phase = instance.vm.state == VmState::kRunning ? Phase::kRunning : Phase::kPending;
  if (!instance.stop)
    return {phase, phase == Phase::kPending                      ? "starting"
                   : instance.health.value == Health::kUnhealthy ? "unhealthy"
                                                                 : ""};
  switch (instance.stop->cause) {
    case StopCause::kGoal:
      return {phase, "stopping"};
    case StopCause::kUnhealthy:
      return {phase, "unhealthy"};
    case StopCause::kBootTimeout:
      return {phase, "boot_timeout"};
    case StopCause::kSilence:
      return {phase, "controller_silent"};
  }
  UNIK_CHECK(false, "a stop cause outside its enumeration");
}

PhaseReason describe_ended(const Instance& instance) {
  if (!instance.record.ended_reason.empty()) return {Phase::kFailed, instance.record.ended_reason};
  return {Phase::kExited, instance.record.last_exit ? exit_reason(*instance.record.last_exit) : "completed"};
}

PhaseReason describe_bucket(const Instance& instance, Bucket bucket) {
  switch (bucket) {
    case Bucket::kWithdraw:
    case Bucket::kStop:
    case Bucket::kStarting:
    case Bucket::kRunning:
      return describe_live(instance);
    case Bucket::kStray:
      if (instance.vm.state != VmState::kNone) return describe_live(instance);
      if (instance.record.ended) return describe_ended(instance);
      return {Phase::kExited, kNoGoal};
    case Bucket::kEnded:
      return describe_ended(instance);
    case Bucket::kBackoff:
      return {Phase::kPending, instance.restart.reason};
    case Bucket::kLease:
      return {Phase::kPending, "controller_silent"};
    case Bucket::kFetch:
      return {Phase::kPending, "fetching"};
    case Bucket::kStore:
    case Bucket::kLaunch:
    case Bucket::kGone:
    case Bucket::kAbsent:
      return {Phase::kPending, "starting"};
  }
  UNIK_CHECK(false, "a bucket outside its enumeration");
}

std::string describe_problem(const Instance& instance, Bucket bucket) {
  if (!instance.goal_problem.empty()) return instance.goal_problem;
  if (bucket == Bucket::kStray) return "no goal names it: it is left alone until one says absent";
  const bool runs = instance.vm.state == VmState::kRunning;
  const HealthState& health = instance.health;
  if (runs && (health.value == Health::kUnhealthy || health.slow)) return "health check: " + health.detail;
  if (runs) return {};
  return instance.record.ended ? instance.record.ended_message : instance.recent_problem;
}

// Feeds fields one by one; each text is preceded by its length, so that no two bodies spell the same.
class Digest {
 public:
  void add(std::string_view text) {
    add(text.size());
    value_ = stable_hash(text, value_);
  }
  void add(std::uint64_t number) { value_ = stable_hash(std::to_string(number), value_ + 1); }
  void add(Duration duration) { add(static_cast<std::uint64_t>(duration.count())); }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = kStableHashSeed;
};

void add_status(Digest& digest, const InstanceStatus& status) {
  digest.add(to_string(status.phase));
  digest.add(status.reason.str());
  digest.add(status.message.str());
  digest.add(to_string(status.health));
  digest.add(std::uint64_t{status.restarts});
  digest.add(status.last_exit ? to_string(status.last_exit->kind) : "");
  digest.add(static_cast<std::uint64_t>(status.last_exit ? status.last_exit->code : 0));
  digest.add(status.address);
  digest.add(status.accelerator.str());
  digest.add(status.started_at.time_since_epoch());
  const BootTimes& boot = status.boot;
  for (const Duration part : {boot.fetch, boot.prepare, boot.start, boot.first_byte, boot.total, boot.healthy})
    digest.add(part);
}

void add_publication(Digest& digest, const ObservedPublication& publication) {
  digest.add(to_string(publication.app));
  digest.add(publication.port_name);
  digest.add(std::uint64_t{publication.port});
  digest.add(publication.address);
  digest.add(std::uint64_t{publication.host_port});
  digest.add(publication.problem);
}

}  // namespace

bool is_reported(const Instance& instance) {
  switch (instance.want) {
    case Want::kRunning:
      return true;
    case Want::kAbsent:
      return instance.vm.state != VmState::kNone;
    case Want::kNothing:
      return instance.vm.remains;
  }
  UNIK_CHECK(false, "a want outside its enumeration");
}

InstanceStatus describe(const Instance& instance, Bucket bucket) {
  const PhaseReason phase = describe_bucket(instance, bucket);
  InstanceStatus status;
  status.phase = phase.phase;
  status.reason = std::string(phase.reason);
  status.message = describe_problem(instance, bucket);
  status.health = phase.phase == Phase::kRunning ? instance.health.value : Health::kNone;
  status.restarts = instance.record.restarts;
  status.last_exit = instance.record.last_exit;
  status.address = instance.record.address;
  status.accelerator = Symbol(instance.vm.accelerator);
  status.started_at = instance.vm.started_at;
  status.boot = instance.vm.boot;
  return status;
}

std::uint64_t body_digest(const ReportBody& body) {
  Digest digest;
  digest.add(body.instances.size());
  for (const ObservedInstance& instance : body.instances) {
    digest.add(to_string(instance.id));
    add_status(digest, instance.status);
  }
  digest.add(body.publications.size());
  for (const ObservedPublication& publication : body.publications) add_publication(digest, publication);
  digest.add(static_cast<std::uint64_t>(body.used.cpu.value));
  digest.add(static_cast<std::uint64_t>(body.used.memory.value));
  return digest.value();
}

}  // namespace unik::agent
