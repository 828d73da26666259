#include "controller/core/rollout.hpp"

#include <map>

namespace unik::controller {
namespace {

struct Slot {
  const Joined* missing = nullptr;  // the current instance that is still to be created
  const Joined* current = nullptr;
  std::vector<const Joined*> outdated;
};

bool serves(const Joined& instance) { return is_ready(*instance.row->status); }

// A finished job counts as arrived: it will not become ready again.
bool has_arrived(const Joined& instance) { return serves(instance) || instance.row->status->phase == Phase::kExited; }

bool any_serves(const std::vector<const Joined*>& instances) {
  for (const Joined* const instance : instances)
    if (serves(*instance)) return true;
  return false;
}

}  // namespace

RolloutSteps plan_rollout(const std::vector<Joined>& instances) {
  std::map<std::uint32_t, Slot> slots;
  RolloutSteps steps;
  for (const Joined& instance : instances) {
    switch (instance.bucket) {
      case Bucket::kMissing: slots[instance.id.slot].missing = &instance; break;
      case Bucket::kCurrent:
      case Bucket::kUnplaced: slots[instance.id.slot].current = &instance; break;
      case Bucket::kOutdated: slots[instance.id.slot].outdated.push_back(&instance); break;
      case Bucket::kSurplus: steps.stop.push_back(instance.id); break;
      case Bucket::kStopping:
      case Bucket::kGone: break;
    }
  }
  std::uint32_t surging = 0;
  for (const auto& [index, slot] : slots)
    if (slot.current != nullptr && any_serves(slot.outdated) && !has_arrived(*slot.current)) ++surging;
  for (const auto& [index, slot] : slots) {
    const bool replaces_serving = any_serves(slot.outdated);
    if (slot.missing != nullptr) {
      if (replaces_serving && surging >= kMaxSurge) continue;
      if (replaces_serving) ++surging;
      steps.create.push_back(slot.missing->id);
    }
    for (const Joined* const old : slot.outdated) {
      const bool replaced = slot.current != nullptr && has_arrived(*slot.current);
      if (replaced || !serves(*old)) steps.stop.push_back(old->id);
    }
  }
  return steps;
}

}  // namespace unik::controller
