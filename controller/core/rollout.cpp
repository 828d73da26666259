#include "controller/core/rollout.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

struct Slot {
  const Joined* missing = nullptr;  // the current instance that is still to be created
  const Joined* current = nullptr;
  std::vector<const Joined*> outdated;   // of another template; one is kept
  std::vector<const Joined*> displaced;  // to be moved off their nodes
  std::vector<const Joined*> lost;
  bool reached = false;      // something of the current template is or was here
  bool loses_old = false;    // one of the template that served last, or that was ready, leaves or has just gone
  bool loses_ready = false;  // one of the current template leaves that was ready
  bool holds_lost = false;   // one on a lost node leaves, which may take until that node returns
};

bool any_serves(const std::vector<const Joined*>& instances) {
  return std::any_of(instances.begin(), instances.end(), [](const Joined* one) { return one->serves; });
}
bool any_may_serve(const std::vector<const Joined*>& instances) {
  return std::any_of(instances.begin(), instances.end(), [](const Joined* one) { return one->may_serve; });
}

bool is_of_another(const Joined* one) {
  return !one->of_current;
}
bool is_old_that_may_serve(const Joined* one) {
  return !one->of_current && one->may_serve;
}

void earlier(std::optional<Time>& time, Time other) {
  if (!time || other < *time) time = other;
}

// What a report would show is looked for again after so long.
constexpr Duration kListenAgain = std::chrono::seconds(1);

constexpr const char* kPaused = "the rollout is paused";
constexpr const char* kQueues = "its operation waits for its turn";
constexpr const char* kHeldByStray = "what nobody has decided on, or nobody wants, may run in its slot";

std::uint32_t canaries(const RolloutFacts& facts) {
  return (facts.replicas * facts.policy.canary.percent + 99) / 100;
}

// The whole plan for one app, slot by slot.
class Planner {
 public:
  explicit Planner(const RolloutFacts& facts) : facts_(facts) {
    for (const Joined& instance : facts.instances) sort_in(instance);
    for (auto& [index, slot] : slots_) keep_one_old(slot);
  }

  RolloutSteps plan() && {
    count();
    for (const auto& [index, slot] : slots_) {
      if (slot.missing != nullptr || slot.current != nullptr) steps_.comes[index] = what_comes(index, slot);
      if (is_taken(index, slot)) {
        steps_.taken.insert(index);
        clear(index, slot);
        continue;
      }
      if (slot.missing != nullptr && slot.missing->row != nullptr) steps_.holds.emplace_back(slot.missing->id, kPaused);
      if (slot.current != nullptr && slot.current->bucket == Bucket::kUnplaced && facts_.queueing.contains(index))
        steps_.holds.emplace_back(slot.current->id, kQueues);
      const bool created = slot.missing != nullptr && create_or_wait(index, slot);
      if (is_stuck(slot)) stand_in_beside(index, slot);
      stop_what_is_replaced(slot, created || slot.current != nullptr);
    }
    const bool is_filled_up = is_paused() && !steps_.create.empty();
    steps_.complete = !anything_old_ && !is_filled_up && (facts_.is_job ? ended_ : steps_.arrived) == facts_.replicas;
    steps_.switch_ports = !steps_.complete && are_ports_dead();
    bake();
    return std::move(steps_);
  }

 private:
  void sort_in(const Joined& instance) {
    Slot& slot = slots_[instance.id.slot];
    if (is_kept_out_for_now(instance)) {
      slot.missing = &instance;
      return;
    }
    slot.reached |= instance.row != nullptr && instance.of_current;
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
        note_loss(slot, instance);
        break;
      case Bucket::kLost:
        slot.lost.push_back(&instance);
        note_loss(slot, instance);
        break;
      case Bucket::kEvicted:
      case Bucket::kSurplus:
        steps_.stop.push_back(instance.id);
        note_loss(slot, instance);
        break;
      case Bucket::kGone:
        // It never had a node, or its node has been deleted under it.
        if (instance.row->node.empty()) note_loss(slot, instance);
        [[fallthrough]];
      case Bucket::kStopping:
        slot.loses_old |= instance.of_live;
        break;
    }
    const bool leaves_lost = instance.bucket == Bucket::kLost || instance.bucket == Bucket::kStopping;
    slot.holds_lost |= leaves_lost && instance.on_lost_node;
  }

  // While the rollout is held, what has never had a node gets none.
  bool is_kept_out_for_now(const Joined& one) const {
    return one.bucket == Bucket::kUnplaced && is_paused() && one.id.attempt == 1 &&
           facts_.stand_ins.contains(one.id.slot);
  }

  static void note_loss(Slot& slot, const Joined& instance) {
    const bool was_ready = is_ready(*instance.row->status);
    slot.loses_old |= instance.of_live || (!instance.of_current && was_ready);
    slot.loses_ready |= instance.of_current && was_ready;
  }

  // By what is strict, or before what is.
  bool is_taken(std::uint32_t index, const Slot& slot) const {
    if (facts_.taken.contains(index)) return true;
    const Joined* const newest = slot.missing != nullptr ? slot.missing : slot.current;
    if (newest == nullptr || !facts_.occupied.contains(index)) return false;
    return steps_.comes.at(index) == newest->id ? facts_.current_is_strict : facts_.live_is_strict;
  }

  // Of several old ones in a slot one is enough: what came and went in between only takes room. In a blue/green rollout
  // that is the one which has the published ports, or comes for it; a held rollout stops nothing that serves.
  void keep_one_old(Slot& slot) {
    if (slot.outdated.size() < 2) return;
    const auto rank = [this](const Joined* one) {
      const bool has_ports = facts_.state.blue_green && one->of_live && (one->may_serve || is_paused());
      return std::tuple(!has_ports, !one->serves, !one->may_serve, !one->of_live, one->row->node.empty(),
                        one->row->created_at, one->id);
    };
    const Joined* const best = std::ranges::min(slot.outdated, {}, rank);
    for (const Joined* const old : slot.outdated)
      if (old != best && !(is_paused() && old->may_serve)) stop(*old);
    slot.outdated = {best};
  }

  Duration proof_of(const Slot& slot, const Joined& instance) const {
    const Duration stated = facts_.policy.gate.healthy_for;
    const bool replaces = any_may_serve(slot.displaced) || (&instance == slot.current && any_may_serve(slot.outdated));
    const bool unchecked = !facts_.checked && !facts_.is_job && replaces;
    return stated == Duration::zero() && unchecked ? kUncheckedProof : stated;
  }

  // What has ended well and is not started again counts as arrived: it will not become ready again.
  bool has_arrived(const Slot& slot, const Joined& instance) {
    const InstanceStatus& status = *instance.row->status;
    if (status.phase == Phase::kExited) return ended_well(status) && !starts_again(facts_.restart, *status.last_exit);
    if (!instance.serves) return false;
    const Duration proof = proof_of(slot, instance);
    if (proof == Duration::zero()) return true;
    const Time* const since = facts_.ready_since->find(instance.id);
    const Time proved = (since == nullptr ? facts_.now : *since) + proof;
    // By its node's word: until it reports again, nobody knows.
    if (std::min(facts_.now, instance.heard) >= proved) return true;
    earlier(steps_.wake_at, std::max(proved, facts_.now + kListenAgain));
    return false;
  }

  void count() {
    bool canaries_arrived = true;
    bool canary_waits = false;  // to take the place of what serves
    bool canary_is_under_way = false;
    for (const auto& [index, slot] : slots_) {
      const bool arrived = slot.current != nullptr && has_arrived(slot, *slot.current);
      if (arrived) ++steps_.arrived;
      if (arrived && ended_well(*slot.current->row->status)) ++ended_;
      if (index < canaries(facts_)) {
        canaries_arrived &= arrived;
        steps_.canaries_stay &= arrived || (slot.current != nullptr && slot.current->may_serve);
        canary_waits |= slot.current == nullptr && any_may_serve(slot.outdated);
        canary_is_under_way |= slot.current != nullptr && !arrived;
      }
      const bool old_ones_leave =
          std::ranges::any_of(slot.displaced, is_of_another) || std::ranges::any_of(slot.lost, is_of_another);
      if (!slot.outdated.empty() || (is_paused() && old_ones_leave)) anything_old_ = true;
      // What has to move counts when it has proved itself, as if it could stay.
      const auto counts = [&](const Joined* one) {
        return one->of_current && !facts_.taken.contains(index) ? has_arrived(slot, *one) : one->serves;
      };
      const bool old_serves = any_serves(slot.outdated) || std::ranges::any_of(slot.displaced, counts);
      if (index < facts_.replicas && !old_serves && !arrived) {
        ++unavailable_;
        if (slot.current == nullptr ? is_behind_canaries(index) : slot.current->bucket == Bucket::kUnplaced) ++excused_;
      }
      const bool stands_in = slot.current == nullptr || is_stuck(slot);
      const Joined* const stand_in = is_made_up_for(index, slot) ? slot.outdated[0] : nullptr;
      const Joined* const successor = stands_in ? stand_in : slot.current;
      if (successor != nullptr && any_may_serve(slot.displaced) && !has_arrived(slot, *successor)) ++disrupted_;
    }
    for (const auto& [index, slot] : slots_) {
      if (slot.current == nullptr || !any_may_serve(slot.outdated) || may_give_way(slot)) continue;
      ++surging_;
      if (slot.current->on_lost_node)
        waits_for_lost_ = "; " + short_name(slot.current->id) + " waits for " + slot.current->row->node.str() +
                          ", which is lost: a changed template, or deleting the node, frees its place";
    }
    steps_.canaries_arrived = canaries_arrived;
    no_canary_can_come_ = awaits_canaries() && canary_waits && !canary_is_under_way && !has_budget();
  }

  bool has_budget() const {
    const std::uint32_t missing = facts_.policy.max_unavailable;
    const bool strict = !facts_.taken.empty() || (facts_.current_is_strict && !facts_.occupied.empty());
    return strict ? unavailable_ < std::max(missing, 1U) : surging_ < facts_.policy.max_surge || unavailable_ < missing;
  }

  // An old one that serves goes when its successor has proved itself, and as many serve as have to: those that came
  // before it may have stopped serving since. What the canaries hold back would wait for them, and they for it; what no
  // node has room for may wait for the room that an old one leaves.
  bool may_give_way(const Slot& slot) {
    if (is_paused()) return false;
    if (slot.current == nullptr || !has_arrived(slot, *slot.current)) return false;
    // Blue/green: nothing old goes before everything new is there.
    if (facts_.state.blue_green) return steps_.arrived == facts_.replicas;
    return unavailable_ - excused_ <= facts_.policy.max_unavailable;
  }

  // A held rollout does not spread: what a slot lacks that it has not reached is filled with the template that served,
  // and so is what it has reached in vain.
  InstanceId what_comes(std::uint32_t index, const Slot& slot) const {
    if (slot.missing == nullptr) return slot.current->id;
    const auto stand_in = facts_.stand_ins.find(index);
    const bool is_kept_out = is_held_back(index, slot) || facts_.queueing.contains(index);
    const bool in_vain = slot.loses_old && (facts_.state.blue_green || !slot.loses_ready);
    if (stand_in == facts_.stand_ins.end() || !is_kept_out || (slot.reached && !in_vain)) return slot.missing->id;
    const bool waits_for_room = !slot.outdated.empty() && slot.outdated[0]->row->node.empty();
    return waits_for_room ? slot.outdated[0]->id : stand_in->second;
  }

  bool create_or_wait(std::uint32_t index, const Slot& slot) {
    if (facts_.follows_job && !slot.reached &&
        (is_paused() || (anything_old_ && slot.outdated.empty() && is_held_back(index, slot)))) {
      steps_.holds.emplace_back(slot.missing->id, is_paused() ? kPaused : what_canaries_wait_for());
      return false;
    }
    const bool lacks = lacks_its_like(index, slot);
    if (!slot.outdated.empty() && !lacks) {
      if (is_held(index, slot)) {
        if (slot.outdated[0]->row->node.empty()) steps_.create.push_back(slot.outdated[0]->id);
        return false;
      }
      if (any_may_serve(slot.outdated) && !facts_.state.blue_green && !may_replace(slot)) return false;
    } else if (any_may_serve(slot.displaced)) {
      if (disrupted_ >= facts_.max_disrupted)
        return hold(slot.displaced, std::to_string(facts_.max_disrupted) + " at a time may be moved");
      ++disrupted_;
    } else if (facts_.queueing.contains(index) && !facts_.stand_ins.contains(index)) {
      steps_.holds.emplace_back(slot.missing->id, kQueues);
      return false;
    }
    steps_.create.push_back(slot.outdated.empty() || lacks ? what_comes(index, slot) : slot.missing->id);
    return true;
  }

  // While the slot is held.
  bool lacks_its_like(std::uint32_t index, const Slot& slot) const {
    const bool leaves = slot.loses_old || slot.loses_ready;
    return leaves && is_held_back(index, slot) && !is_made_up_for(index, slot);
  }

  // Whether an old one stays for what leaves. While the slot is held that is one that serves and is reached, or one of
  // the template that served last, which may still come to, unless a new one served.
  bool is_made_up_for(std::uint32_t index, const Slot& slot) const {
    if (!is_held_back(index, slot)) return !slot.outdated.empty();
    const bool new_one_served = slot.loses_ready && !facts_.state.blue_green;
    return std::ranges::any_of(slot.outdated, [&](const Joined* old) {
      return old->may_serve ? old->of_live || !facts_.state.blue_green : old->of_live && !new_one_served;
    });
  }

  // While the rollout is held, a new one that does not serve is no successor of an old one: perhaps it never will. In a
  // blue/green rollout nobody reaches it.
  bool is_stuck(const Slot& slot) {
    if (!is_paused() || slot.current == nullptr) return false;
    if (facts_.state.blue_green) return true;
    return !slot.loses_ready && !slot.current->serves && !has_arrived(slot, *slot.current);
  }

  // What has to leave the slot then is replaced by its like.
  void stand_in_beside(std::uint32_t index, const Slot& slot) {
    if (facts_.current_is_strict || facts_.live_is_strict) return;
    const auto stand_in = facts_.stand_ins.find(index);
    if (is_made_up_for(index, slot)) {
      if (slot.outdated[0]->row->node.empty()) steps_.create.push_back(slot.outdated[0]->id);
    } else if (stand_in == facts_.stand_ins.end()) {
      return;
    } else if (std::ranges::any_of(slot.displaced, is_old_that_may_serve)) {
      if (disrupted_ >= facts_.max_disrupted)
        return static_cast<void>(
            hold(slot.displaced, std::to_string(facts_.max_disrupted) + " at a time may be moved"));
      ++disrupted_;
      steps_.create.push_back(stand_in->second);
    } else if (slot.loses_old) {
      steps_.create.push_back(stand_in->second);
    }
  }

  // Makes room in a slot where what runs, or what comes, is strict, within the budgets; who comes after waits until it
  // is seen to be free. What serves does not go for room that a stray takes all the same.
  void clear(std::uint32_t index, const Slot& slot) {
    for (const Joined* const old : slot.lost) stop(*old);
    const bool is_held_by_stray = facts_.held.slots.contains(index);
    if (slot.missing != nullptr && is_held_by_stray) steps_.holds.emplace_back(slot.missing->id, kHeldByStray);
    if (any_may_serve(slot.displaced)) {
      if (is_held_by_stray) return static_cast<void>(hold(slot.displaced, kHeldByStray));
      if (unavailable_ >= facts_.max_disrupted)
        return static_cast<void>(hold(slot.displaced, missing_of(facts_.max_disrupted)));
      ++unavailable_;
    }
    for (const Joined* const old : slot.displaced) stop(*old);
    if (lacks_its_like(index, slot))
      for (const Joined* const old : slot.outdated)
        if (!old->may_serve) return stop(*old);
    if (slot.outdated.empty() || is_held(index, slot)) return;
    const std::uint32_t missing = std::max(facts_.policy.max_unavailable, 1U);
    if (any_may_serve(slot.outdated)) {
      if (is_held_by_stray) return static_cast<void>(hold(slot.outdated, kHeldByStray));
      if (unavailable_ >= missing) return static_cast<void>(hold(slot.outdated, missing_of(missing)));
      ++unavailable_;
    }
    for (const Joined* const old : slot.outdated) stop(*old);
  }

  std::string missing_of(std::uint32_t most) const {
    return std::to_string(unavailable_) + " missing, at most " + std::to_string(most) + " may be";
  }

  bool awaits_canaries() const { return facts_.policy.strategy == RolloutStrategy::kCanary && !facts_.state.promoted; }

  bool is_behind_canaries(std::uint32_t index) const {
    return awaits_canaries() && facts_.state.phase != RolloutPhase::kDone && index >= canaries(facts_);
  }

  // By hand, or since it failed where there is a template that served.
  bool is_paused() const {
    return facts_.state.phase == RolloutPhase::kPaused ||
           (facts_.state.phase == RolloutPhase::kFailed && facts_.state.live != 0 && !facts_.is_job);
  }

  // Also where nothing serves just now: a held rollout does not spread through a hiccup. But where such slots have used
  // up what may be missing, no canary could ever come, unless what is strict could not come there either.
  bool is_held_back(std::uint32_t index, const Slot& slot) const {
    const bool serves = any_may_serve(slot.outdated) || any_may_serve(slot.displaced);
    const bool could_come = !facts_.current_is_strict || !slot.holds_lost;
    return is_paused() || (is_behind_canaries(index) && (serves || !no_canary_can_come_ || !could_come));
  }

  std::string what_canaries_wait_for() const {
    const bool by_hand = facts_.policy.canary.promote == Promotion::kManual;
    if (!steps_.canaries_arrived || (!by_hand && facts_.policy.canary.bake == Duration::zero()))
      return "the canaries come first";
    if (by_hand) return "the canaries wait for `unikctl rollout promote`";
    return "the canaries have to serve for " + format_duration(facts_.policy.canary.bake) + " first";
  }

  bool is_held(std::uint32_t index, const Slot& slot) {
    if (is_held_back(index, slot)) return !hold(slot.outdated, is_paused() ? kPaused : what_canaries_wait_for());
    return facts_.queueing.contains(index) && !hold(slot.outdated, kQueues);
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
                                   std::to_string(facts_.policy.max_unavailable) + " missing at a time" +
                                   waits_for_lost_);
  }

  void stop_what_is_replaced(const Slot& slot, bool has_successor) {
    // Blue/green: one that does not serve for a moment keeps its ports, unless the new one lacks its room.
    const bool lacks_room = slot.current != nullptr && slot.current->bucket == Bucket::kUnplaced;
    const bool may_hurry = has_successor && !is_paused() && (!facts_.state.blue_green || lacks_room);
    const bool has_arrived_here = slot.current != nullptr && has_arrived(slot, *slot.current);
    const bool proves_itself = slot.current != nullptr && slot.current->serves && !has_arrived_here && !is_paused();
    for (const Joined* const old : slot.outdated)
      if (may_give_way(slot) || (old->row->node.empty() && has_arrived_here && !facts_.state.blue_green) ||
          (!old->may_serve && may_hurry)) {
        stop(*old);
      } else if (has_arrived_here && is_paused()) {
        hold(slot.outdated, kPaused);
      } else if (has_arrived_here && !facts_.state.blue_green) {
        hold(slot.outdated, std::to_string(unavailable_ - excused_) + " missing, at most " +
                                std::to_string(facts_.policy.max_unavailable) + " may be");
      } else if (has_arrived_here) {
        hold(slot.outdated, what_ports_wait_for());
      } else if (proves_itself) {
        hold(slot.outdated, what_is_to_prove(slot));
      }
    for (const Joined* const old : slot.displaced)
      if (!old->may_serve || is_replaced(slot, *old))
        stop(*old);
      else if (proves_itself)
        hold({old}, what_is_to_prove(slot));
      else if (facts_.state.blue_green && has_arrived_here && !is_paused())
        hold({old}, what_ports_wait_for());
    for (const Joined* const old : slot.lost)
      if (is_replaced(slot, *old)) stop(*old);
  }

  std::string what_ports_wait_for() const {
    return "the published ports switch first: " + std::to_string(steps_.arrived) + " of " +
           std::to_string(facts_.replicas) + " serve";
  }

  std::string what_is_to_prove(const Slot& slot) const {
    return short_name(slot.current->id) + " has to serve for " + format_duration(proof_of(slot, *slot.current)) +
           " first";
  }

  // What has ended of an older template is no stand-in, nor is what stops itself. Nobody reaches the new ones of a held
  // blue/green rollout while an old one has the published ports.
  bool is_replaced(const Slot& slot, const Joined& old) {
    const bool is_unreached = facts_.state.blue_green && is_paused() && !old.of_live && !are_ports_dead();
    if (is_unreached && !slot.outdated.empty()) return true;
    const auto stands_in = [&](const Joined* one) { return one->serves && !stops(*one) && replaces(slot, old, one); };
    return std::ranges::any_of(slot.outdated, stands_in) || replaces(slot, old, slot.current);
  }

  // Whether `old`, which has to leave its node or is lost with it, may go for `one`. In a blue/green rollout what comes
  // is reached by nobody before all of it is there, nor then while it is held: what served until now does not go for
  // it.
  bool replaces(const Slot& slot, const Joined& old, const Joined* one) {
    const bool is_reached = !facts_.state.blue_green || (steps_.arrived == facts_.replicas && !is_paused());
    return one != nullptr && (is_reached || one->of_live || !old.of_live) && has_arrived(slot, *one);
  }

  // Held or not: what serves is reached rather than nothing.
  bool are_ports_dead() const {
    if (!facts_.state.blue_green) return false;
    bool any = false, any_has_ports = false;
    for (const Joined& one : facts_.instances) {
      const bool stays =
          one.bucket == Bucket::kCurrent || one.bucket == Bucket::kOutdated || one.bucket == Bucket::kDisplaced;
      any |= stays && one.serves;
      any_has_ports |= stays && one.of_live && one.may_serve;
    }
    return any && !any_has_ports;
  }

  bool stops(const Joined& old) const {
    return std::find(steps_.stop.begin(), steps_.stop.end(), old.id) != steps_.stop.end();
  }

  void stop(const Joined& old) {
    if (!stops(old)) steps_.stop.push_back(old.id);
  }

  bool hold(const std::vector<const Joined*>& olds, const std::string& why) {
    for (const Joined* const old : olds) steps_.holds.emplace_back(old->id, why);
    return false;
  }

  void bake() {
    if (!awaits_canaries() || !anything_old_ || !steps_.canaries_arrived) return;
    if (facts_.policy.canary.promote == Promotion::kManual || facts_.stands_still) return;
    if (facts_.state.phase == RolloutPhase::kPaused) return;
    const Duration bake = facts_.policy.canary.bake;
    const Time baked = facts_.clock.baking.value_or(facts_.now) + bake;
    // By their nodes' word: one may have fallen silent before it is known to be.
    if (bake == Duration::zero() || std::min(facts_.now, canaries_heard()) >= baked) {
      steps_.promote = true;
    } else {
      earlier(steps_.wake_at, std::max(baked, facts_.now + kListenAgain));
    }
  }

  // The oldest of the last words of their nodes. Asked when all have come.
  Time canaries_heard() const {
    Time heard = Time::max();
    for (const auto& [index, slot] : slots_)
      if (index < canaries(facts_)) heard = std::min(heard, slot.current->heard);
    return heard;
  }

  const RolloutFacts& facts_;
  std::map<std::uint32_t, Slot> slots_;
  RolloutSteps steps_;
  bool anything_old_ = false;
  bool no_canary_can_come_ = false;  // none but those that are there
  std::uint32_t ended_ = 0;          // slots whose current instance has ended well
  std::uint32_t surging_ = 0;        // slots where an old and a new instance run side by side, and will
  std::uint32_t disrupted_ = 0;      // slots that are being moved
  std::uint32_t unavailable_ = 0;    // slots where nothing serves, or not for long enough
  std::uint32_t excused_ = 0;        // of these, slots that wait for the canaries, or for room
  std::string waits_for_lost_;       // who takes a share of the surge for as long as its node is lost
};

}  // namespace

RolloutSteps plan_rollout(const RolloutFacts& facts) {
  return Planner(facts).plan();
}

}  // namespace unik::controller
