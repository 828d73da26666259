#include "controller/core/sweep.hpp"

namespace unik::controller {
namespace {

// Up to `room` keys behind `last`, into `out`; how many there were.
template <typename Table, typename Key>
std::size_t take_keys(const Table& table, Key& last, std::size_t room, std::set<Key>& out) {
  std::size_t taken = 0;
  auto it = table.lower_bound(last);
  if (it != table.end() && it->first == last) ++it;
  for (; it != table.end() && taken < room; ++it, ++taken) {
    last = it->first;
    out.insert(last);
  }
  return taken;
}

}  // namespace

void Sweep::begin() {
  again_ = under_way();
  if (again_) return;
  stage_ = Stage::kNodes;
  last_node_ = {};
  last_app_ = {};
}

void Sweep::take(const World& world, std::size_t at_most, Dirty& dirty) {
  std::size_t room = at_most;
  if (stage_ == Stage::kNodes) {
    room -= take_keys(world.nodes, last_node_, room, dirty.nodes);
    if (room > 0) stage_ = Stage::kApps;
  }
  if (stage_ == Stage::kApps) {
    room -= take_keys(world.apps, last_app_, room, dirty.apps);
    if (room == 0) return;
    // Operations outlive their apps.
    for (const auto& [index, nothing] : world.active_operations) dirty.apps.insert(index.app);
    stage_ = Stage::kDone;
    if (again_) begin();
  }
}

}  // namespace unik::controller
