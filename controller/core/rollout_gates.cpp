#include "controller/core/rollout_gates.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

bool is_new(const Joined& one) {
  return one.bucket == Bucket::kCurrent;
}
bool is_old(const Joined& one) {
  return one.bucket == Bucket::kOutdated && one.serves;
}

std::int64_t median_boot(const std::vector<Joined>& instances, bool (*belongs)(const Joined&)) {
  std::vector<std::int64_t> times;
  for (const Joined& one : instances)
    if (belongs(one) && one.row->status->boot.total > Duration::zero())
      times.push_back(one.row->status->boot.total.count());
  if (times.empty()) return 0;
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

std::optional<Verdict> judge_instance(const Joined& one) {
  const InstanceStatus& status = *one.row->status;
  const bool ended_badly = status.phase == Phase::kExited && !ended_well(status);
  if (status.phase != Phase::kFailed && !ended_badly && status.reason != "crash_loop") return std::nullopt;
  Verdict verdict{status.reason.empty() ? "failed" : status.reason.str(), short_name(one.id) + ": " + status.reason};
  if (!status.message.empty()) verdict.message += ": " + status.message;
  return verdict;
}

std::optional<Verdict> judge_boot(const RolloutFacts& facts) {
  const std::int64_t before = median_boot(facts.instances, is_old);
  if (facts.policy.gate.boot_factor == 0 || before == 0) return std::nullopt;
  for (const Joined& one : facts.instances) {
    if (!is_new(one) || one.row->status->boot.total.count() <= before * facts.policy.gate.boot_factor) continue;
    return Verdict{"boot_time", short_name(one.id) + " booted in " +
                                    std::to_string(one.row->status->boot.total.count() / 1000) + " ms, want at most " +
                                    std::to_string(facts.policy.gate.boot_factor) + " times the " +
                                    std::to_string(before / 1000) + " ms of the old ones"};
  }
  return std::nullopt;
}

// Restarts of some instances, and the time in which they happened, each one's from when it was placed. None where the
// wall clock was set back behind that.
struct Restarts {
  std::uint64_t instances = 0;
  std::uint64_t count = 0;
  std::chrono::seconds time{};
};

Restarts restarts_in(const RolloutFacts& facts, bool (*belongs)(const Joined&)) {
  Restarts total;
  for (const Joined& one : facts.instances) {
    if (!belongs(one)) continue;
    if (facts.wall < one.row->created_at) return {};
    ++total.instances;
    total.count += one.row->status->restarts;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(facts.wall - one.row->created_at);
    total.time += std::max(age, std::chrono::seconds(1));
  }
  return total;
}

// What the new ones may restart in their time, at the old ones' rate times the factor, and once each beside.
std::optional<Verdict> judge_restarts(const RolloutFacts& facts) {
  if (facts.policy.gate.restart_factor == 0) return std::nullopt;
  const Restarts before = restarts_in(facts, is_old);
  const Restarts now = restarts_in(facts, is_new);
  if (before.instances == 0 || now.instances == 0) return std::nullopt;
  const double share = static_cast<double>(now.time.count()) / static_cast<double>(before.time.count());
  const double allowed = facts.policy.gate.restart_factor * static_cast<double>(before.count) * share;
  if (static_cast<double>(now.count) <= allowed + static_cast<double>(now.instances)) return std::nullopt;
  return Verdict{"restarts", counted(now.count, "restart") + " of " + counted(now.instances, "new instance") + " in " +
                                 format_duration(now.time) + ", " + std::to_string(before.count) + " of " +
                                 counted(before.instances, "old one") + " in " + format_duration(before.time)};
}

// Of the first current instance that does not serve; nobody sees it any more when it has been given up.
std::string what_is_missing(const RolloutFacts& facts) {
  for (const Joined& one : facts.instances) {
    if ((!is_new(one) || one.serves) && one.bucket != Bucket::kUnplaced) continue;
    const InstanceStatus& status = *one.row->status;
    std::string text = "; " + short_name(one.id) + ": ";
    text += status.reason.empty() ? std::string(to_string(status.health)) : status.reason.str();
    return status.message.empty() ? text : text + ": " + status.message.str();
  }
  return "";
}

}  // namespace

std::optional<Verdict> judge_rollout(const RolloutFacts& facts) {
  for (const Joined& one : facts.instances)
    if (is_new(one))
      if (auto verdict = judge_instance(one)) return verdict;
  if (auto verdict = judge_boot(facts)) return verdict;
  if (auto verdict = judge_restarts(facts)) return verdict;
  const bool waits = facts.stands_still || waits_for_canaries(facts) || waits_for_end(facts);
  if (waits || facts.now < judged_again_at(facts)) return std::nullopt;
  return Verdict{"progress_deadline", std::to_string(facts.clock.arrived) + " of " + std::to_string(facts.replicas) +
                                          " serve, and not one more for " +
                                          format_duration(facts.policy.progress_deadline) + what_is_missing(facts)};
}

// While canaries bake, or wait for a hand, nothing more is meant to arrive. Where nothing old is left, nobody waits for
// them.
bool waits_for_canaries(const RolloutFacts& facts) {
  const auto is_outdated = [](const Joined& one) { return one.bucket == Bucket::kOutdated; };
  return facts.policy.strategy == RolloutStrategy::kCanary && !facts.state.promoted && facts.clock.baking &&
         std::any_of(facts.instances.begin(), facts.instances.end(), is_outdated);
}

bool waits_for_end(const RolloutFacts& facts) {
  return facts.is_job && facts.clock.arrived >= facts.replicas;
}

Time judged_again_at(const RolloutFacts& facts) {
  return facts.clock.progressed + facts.policy.progress_deadline;
}

}  // namespace unik::controller
