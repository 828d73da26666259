#include "controller/core/rollout.hpp"

#include <algorithm>
#include <map>

#include "api/check.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/operations.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

struct Slot {
  const Joined* missing = nullptr;  // the current instance that is still to be created
  const Joined* current = nullptr;
  std::vector<const Joined*> outdated;   // of another template
  std::vector<const Joined*> displaced;  // to be moved off their nodes
  std::vector<const Joined*> lost;
};

bool any_serves(const std::vector<const Joined*>& instances) {
  return std::any_of(instances.begin(), instances.end(), [](const Joined* one) { return one->serves; });
}

void earlier(std::optional<Time>& time, Time other) {
  if (!time || other < *time) time = other;
}

constexpr const char* kPaused = "the rollout is paused";
constexpr const char* kQueues = "its operation waits for its turn";

std::uint32_t canaries(const RolloutFacts& facts) {
  return (facts.replicas * facts.policy.canary.percent + 99) / 100;
}

// The whole plan for one app, slot by slot.
class Planner {
 public:
  explicit Planner(const RolloutFacts& facts) : facts_(facts) {
    for (const Joined& instance : facts.instances) sort_in(instance);
  }

  RolloutSteps plan() && {
    count();
    for (const auto& [index, slot] : slots_) {
      if (is_taken(index)) {
        clear(index, slot);
        continue;
      }
      const bool created = slot.missing != nullptr && create_or_wait(index, slot);
      stop_what_is_replaced(slot, created || slot.current != nullptr);
    }
    steps_.complete = !anything_old_ && (facts_.is_job ? ended_ : steps_.arrived) == facts_.replicas;
    bake();
    return std::move(steps_);
  }

 private:
  void sort_in(const Joined& instance) {
    Slot& slot = slots_[instance.id.slot];
    switch (instance.bucket) {
      case Bucket::kMissing:
        slot.missing = &instance;
        break;
      case Bucket::kCurrent:
      case Bucket::kUnplaced:
        slot.current = &instance;
        break;
      case Bucket::kOutdated:
        slot.outdated.push_back(&instance);
        break;
      case Bucket::kDisplaced:
        slot.displaced.push_back(&instance);
        break;
      case Bucket::kLost:
        slot.lost.push_back(&instance);
        break;
      case Bucket::kEvicted:
      case Bucket::kSurplus:
        steps_.stop.push_back(instance.id);
        break;
      case Bucket::kStopping:
      case Bucket::kGone:
        break;
    }
  }

  bool is_taken(std::uint32_t index) const { return facts_.taken.contains(index); }

  Duration proof_of(const Slot& slot) const {
    const Duration stated = facts_.policy.gate.healthy_for;
    const bool unchecked = !facts_.checked && !facts_.is_job && any_serves(slot.outdated);
    return stated == Duration::zero() && unchecked ? kUncheckedProof : stated;
  }

  // What has ended well counts as arrived: it will not become ready again.
  bool has_arrived(const Slot& slot) {
    const Joined& instance = *slot.current;
    if (instance.row->status->phase == Phase::kExited) return ended_well(*instance.row->status);
    if (!instance.serves) return false;
    const Duration proof = proof_of(slot);
    if (proof == Duration::zero()) return true;
    const Time* const since = facts_.ready_since->find(instance.id);
    const Time proved = (since == nullptr ? facts_.now : *since) + proof;
    if (facts_.now >= proved) return true;
    earlier(steps_.wake_at, proved);
    return false;
  }

  void count() {
    bool canaries_arrived = true;
    for (const auto& [index, slot] : slots_) {
      const bool arrived = slot.current != nullptr && has_arrived(slot);
      if (arrived) ++steps_.arrived;
      if (arrived && ended_well(*slot.current->row->status)) ++ended_;
      if (index < canaries(facts_)) canaries_arrived &= arrived;
      if (!slot.outdated.empty()) anything_old_ = true;
      const bool old_serves = any_serves(slot.outdated) || any_serves(slot.displaced);
      if (index < facts_.replicas && !old_serves && !(slot.current != nullptr && slot.current->serves)) ++unavailable_;
      if (slot.current == nullptr || arrived) continue;
      if (any_serves(slot.outdated)) ++surging_;
      if (any_serves(slot.displaced)) ++disrupted_;
    }
    steps_.canaries_arrived = canaries_arrived;
    no_canary_can_come_ = awaits_canaries() && all_canaries_wait() && !has_budget();
  }

  bool has_budget() const {
    const std::uint32_t missing = facts_.policy.max_unavailable;
    return facts_.strict ? unavailable_ < std::max(missing, 1U)
                         : surging_ < facts_.policy.max_surge || unavailable_ < missing;
  }

  // None has a place yet, and each would take the place of what serves.
  bool all_canaries_wait() const {
    return std::all_of(slots_.begin(), slots_.end(), [&](const auto& one) {
      const auto& [index, slot] = one;
      return index >= canaries(facts_) || (slot.current == nullptr && any_serves(slot.outdated));
    });
  }

  bool create_or_wait(std::uint32_t index, const Slot& slot) {
    if (any_serves(slot.displaced)) {
      if (disrupted_ >= facts_.max_disrupted)
        return hold(slot.displaced, std::to_string(facts_.max_disrupted) + " at a time may be moved");
      ++disrupted_;
    } else if (!slot.outdated.empty()) {
      if (is_held(index, slot)) return false;
      if (any_serves(slot.outdated) && !facts_.state.blue_green && !may_replace(slot)) return false;
    } else if (facts_.queueing.contains(index)) {
      steps_.holds.emplace_back(slot.missing->id, kQueues);
      return false;
    }
    steps_.create.push_back(slot.missing->id);
    return true;
  }

  // Strict: makes room in a slot, within the budgets; who comes after waits until it is seen to be free.
  void clear(std::uint32_t index, const Slot& slot) {
    for (const Joined* const old : slot.lost) stop(*old);
    if (slot.missing != nullptr && facts_.held.slots.contains(index))
      steps_.holds.emplace_back(slot.missing->id, "what nobody has decided on, or nobody wants, may run in its slot");
    if (any_serves(slot.displaced)) {
      if (unavailable_ >= facts_.max_disrupted)
        return static_cast<void>(
            hold(slot.displaced, std::to_string(facts_.max_disrupted) + " at a time may be moved"));
      ++unavailable_;
    }
    for (const Joined* const old : slot.displaced) stop(*old);
    if (slot.outdated.empty() || is_held(index, slot)) return;
    const std::uint32_t missing = std::max(facts_.policy.max_unavailable, 1U);
    if (any_serves(slot.outdated)) {
      if (unavailable_ >= missing)
        return static_cast<void>(hold(slot.outdated, std::to_string(missing) + " may be missing at a time"));
      ++unavailable_;
    }
    for (const Joined* const old : slot.outdated) stop(*old);
  }

  bool awaits_canaries() const { return facts_.policy.strategy == RolloutStrategy::kCanary && !facts_.state.promoted; }

  // Also where the old one does not serve just now: a held rollout does not spread through a hiccup. But where such
  // slots have used up what may be missing, no canary could ever come.
  bool is_held(std::uint32_t index, const Slot& slot) {
    if (facts_.state.phase == RolloutPhase::kPaused) return !hold(slot.outdated, kPaused);
    if (facts_.queueing.contains(index)) return !hold(slot.outdated, kQueues);
    if (!awaits_canaries() || index < canaries(facts_)) return false;
    if (no_canary_can_come_ && !any_serves(slot.outdated)) return false;
    return !hold(slot.outdated, "the canaries come first");
  }

  // Takes its share of the surge, or of what may be missing.
  bool may_replace(const Slot& slot) {
    if (surging_ < facts_.policy.max_surge) {
      ++surging_;
      return true;
    }
    if (unavailable_ < facts_.policy.max_unavailable) {
      ++unavailable_;
      for (const Joined* const old : slot.outdated) steps_.stop.push_back(old->id);
      return true;
    }
    return hold(slot.outdated, std::to_string(facts_.policy.max_surge) + " beyond the replicas and " +
                                   std::to_string(facts_.policy.max_unavailable) + " missing at a time");
  }

  void stop_what_is_replaced(const Slot& slot, bool has_successor) {
    const bool replaced = slot.current != nullptr && has_arrived(slot);
    const bool held = is_paused_by_hand(facts_.state);
    // Blue/green: nothing old goes before everything new is there.
    const bool outdated_may_go = replaced && !held && (!facts_.state.blue_green || steps_.arrived == facts_.replicas);
    if (replaced && held) hold(slot.outdated, kPaused);
    for (const Joined* const old : slot.outdated)
      if (outdated_may_go || (!old->serves && has_successor && facts_.state.phase != RolloutPhase::kPaused)) stop(*old);
    for (const Joined* const old : slot.displaced)
      if (replaced || !old->serves) stop(*old);
    for (const Joined* const old : slot.lost)
      if (replaced) stop(*old);
  }

  void stop(const Joined& old) {
    if (std::find(steps_.stop.begin(), steps_.stop.end(), old.id) == steps_.stop.end()) steps_.stop.push_back(old.id);
  }

  bool hold(const std::vector<const Joined*>& olds, const std::string& why) {
    for (const Joined* const old : olds) steps_.holds.emplace_back(old->id, why);
    return false;
  }

  void bake() {
    if (!awaits_canaries() || !anything_old_ || !steps_.canaries_arrived) return;
    if (facts_.policy.canary.promote == Promotion::kManual || facts_.stands_still) return;
    if (facts_.state.phase == RolloutPhase::kPaused) return;
    const Time baked = facts_.clock.baking.value_or(facts_.now) + facts_.policy.canary.bake;
    if (facts_.now >= baked) {
      steps_.promote = true;
    } else {
      earlier(steps_.wake_at, baked);
    }
  }

  const RolloutFacts& facts_;
  std::map<std::uint32_t, Slot> slots_;
  RolloutSteps steps_;
  bool anything_old_ = false;
  bool no_canary_can_come_ = false;
  std::uint32_t ended_ = 0;        // slots whose current instance has ended well
  std::uint32_t surging_ = 0;      // slots where an old and a new instance run side by side
  std::uint32_t disrupted_ = 0;    // slots that are being moved
  std::uint32_t unavailable_ = 0;  // slots where nothing serves
};

bool is_new(const Joined& one) {
  return one.bucket == Bucket::kCurrent;
}
bool is_old(const Joined& one) {
  return one.bucket == Bucket::kOutdated && one.serves;
}

// What the app's own instances hold.
std::set<std::uint32_t> taken_slots(const std::vector<Joined>& instances) {
  std::set<std::uint32_t> taken;
  for (const Joined& one : instances) {
    switch (one.bucket) {
      case Bucket::kMissing:
      case Bucket::kUnplaced:
      case Bucket::kCurrent:
      case Bucket::kGone:
        break;
      case Bucket::kOutdated:
      case Bucket::kDisplaced:
      case Bucket::kEvicted:
      case Bucket::kLost:
      case Bucket::kSurplus:
      case Bucket::kStopping:
        taken.insert(one.id.slot);
    }
  }
  return taken;
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
  Verdict verdict{status.reason.empty() ? "failed" : status.reason, short_name(one.id) + ": " + status.reason};
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

bool is_on_silent_node(const World& world, const Joined& one) {
  const NodeRow* const node = world.nodes.find(one.row->node);
  return node == nullptr || node->health != NodeHealth::kReady;
}

// Those that an old template holds, and before any has served as a whole, those in which nothing was yet. Whatever else
// comes to a slot replaces what was there, which is no operation's work.
std::set<std::uint32_t> queueing_slots(const World& world, const AppName& name, const RolloutFacts& facts) {
  std::set<std::uint32_t> queueing;
  if (has_turn(world, name)) return queueing;
  std::set<std::uint32_t> begun;
  for (const Joined& one : facts.instances) {
    switch (one.bucket) {
      case Bucket::kMissing:
      case Bucket::kUnplaced:
        if (facts.state.live == 0 && one.id.attempt == 1) queueing.insert(one.id.slot);
        break;
      case Bucket::kOutdated:
        queueing.insert(one.id.slot);
        break;
      case Bucket::kCurrent:
      case Bucket::kDisplaced:
      case Bucket::kEvicted:
      case Bucket::kLost:
        begun.insert(one.id.slot);
        break;
      case Bucket::kSurplus:
      case Bucket::kStopping:
      case Bucket::kGone:
        break;
    }
  }
  for (const std::uint32_t slot : begun) queueing.erase(slot);
  return queueing;
}

// Our own blindness is held against no template, and neither is a queue.
bool clock_stands_still(const World& world, const AppName& name, const RolloutFacts& facts) {
  if (is_isolated(world)) return true;
  const auto is_unseen = [&](const Joined& one) { return is_new(one) && is_on_silent_node(world, one); };
  if (std::any_of(facts.instances.begin(), facts.instances.end(), is_unseen)) return true;
  const auto is_under_way = [&](const Joined& one) {
    return (one.bucket == Bucket::kUnplaced && !facts.queueing.contains(one.id.slot)) || (is_new(one) && !one.serves);
  };
  return !has_turn(world, name) && std::none_of(facts.instances.begin(), facts.instances.end(), is_under_way);
}

// Both times are moved on by as long as they have stood still.
void move_on(RolloutClock& clock, bool stands_still, Time now) {
  if (clock.progressed == Time{}) clock.progressed = now;
  if (clock.stopped) clock.progressed += now - *clock.stopped;
  if (clock.stopped && clock.baking) *clock.baking += now - *clock.stopped;
  clock.stopped = stands_still ? std::optional(now) : std::nullopt;
}

}  // namespace

RolloutPolicy rollout_policy(const World& world, const App& app) {
  if (app.spec.rollout) return *app.spec.rollout;
  const TenantRow* const tenant = world.tenants.find(Symbol(app.metadata.tenant));
  if (tenant != nullptr && tenant->tenant->spec.rollout) return *tenant->tenant->spec.rollout;
  return {};
}

RolloutFacts facts_of(const World& world, const AppName& name, const AppRow& app, Now now) {
  RolloutFacts facts;
  facts.instances = diff_app(world, name, app, now.boot);
  facts.replicas = app.app->spec.replicas;
  const Shared<BootSpec>* const current = world.templates.find({name, app.rollout});
  facts.checked = current == nullptr || (*current)->check.has_value();
  facts.is_job = is_job(*app.app);
  facts.policy = rollout_policy(world, *app.app);
  // A way back is not measured by what it leads away from.
  if (!app.history.empty() && app.history.back().automatic)
    facts.policy.gate.boot_factor = facts.policy.gate.restart_factor = 0;
  facts.strict = is_strict(world, {name.tenant, name.app, 0, app.rollout, 0});
  if (facts.strict) {
    facts.taken = taken_slots(facts.instances);
    facts.held = slots_held_by_strays(world, name, now.boot);
    facts.taken.insert(facts.held.slots.begin(), facts.held.slots.end());
  }
  facts.max_disrupted = app.app->spec.disruption.max_unavailable;
  facts.state = app.state;
  facts.ready_since = &world.clocks.ready_since;
  const RolloutClock* const clock = world.clocks.rollouts.find(name);
  if (clock != nullptr && clock->rollout == app.rollout) facts.clock = *clock;
  facts.clock.rollout = app.rollout;
  facts.queueing = queueing_slots(world, name, facts);
  facts.stands_still = clock_stands_still(world, name, facts);
  move_on(facts.clock, facts.stands_still, now.boot);
  facts.now = now.boot;
  facts.wall = now.wall;
  return facts;
}

std::string_view name_of(RolloutStrategy strategy) {
  switch (strategy) {
    case RolloutStrategy::kRolling:
      return "rolling";
    case RolloutStrategy::kCanary:
      return "canary";
    case RolloutStrategy::kBlueGreen:
      return "blueGreen";
  }
  UNIK_CHECK(false, "a strategy outside the enumeration");
}

RolloutSteps plan_rollout(const RolloutFacts& facts) {
  return Planner(facts).plan();
}

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
                                          format_duration(facts.policy.progress_deadline)};
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
