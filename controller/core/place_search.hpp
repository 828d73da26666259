// Why instances wait for a place, as of now: the table keeps what was said first, since figures that move are no
// transition. One search serves all instances that would get the same answer.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <variant>

#include "controller/core/place.hpp"

namespace unik::controller {

// In a list, what one search for a place costs is multiplied: in larger fleets it shows what the table says.
inline constexpr std::size_t kFleetSearchedInLists = 1000;

bool waits_for_place(const InstanceRow& row);

// Whether another instance holds the slot of `id`.
bool is_replacement(const World& world, const InstanceId& id);

class PlaceSearch {
 public:
  // Looks for nothing in fleets of more than `max_nodes`. `world` outlives it.
  explicit PlaceSearch(const World& world, std::size_t max_nodes = std::numeric_limits<std::size_t>::max());

  // That of the row, with what keeps it off every node now.
  InstanceStatus status(const InstanceId& id, const InstanceRow& row);

 private:
  using Key = std::tuple<AppName, std::uint64_t, bool>;  // app, rollout, whether it replaces

  const World& world_;
  const bool is_on_;
  std::map<Key, std::variant<Symbol, NoPlace>> known_;  // no node: not searched for
};

// `web-0-r7-1 is running on n1, starting`.
std::string describe_instance(const InstanceId& id, const InstanceRow& row, PlaceSearch& search);

}  // namespace unik::controller
