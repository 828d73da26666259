// What must hold at every step of what nodes do and are told, whatever the controller believes of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class NodeChecks {
 public:
  explicit NodeChecks(SimulatedCluster& cluster) : cluster_(cluster) {}

  // One VM for an instance, ever, and of a strict singleton's slot one that runs.
  void check_launch(int on, const InstanceId& id, const BootSpec& boot);
  // Nothing is said before it is durable.
  void check_goals(const Goals& goals);
  // Within one life of an agent, what it has accepted never becomes older.
  void check_accepted(int node, const Report& report, std::uint64_t life);

  // Whether some agent has accepted goals of a later revision.
  bool has_accepted_beyond(std::uint64_t revision) const;

  // What each node has, as it says itself; before what the saboteur makes of it.
  void take_capacity(Resources capacity) { capacity_ = capacity; }
  Resources capacity() const { return capacity_; }

 private:
  void check_alone(std::size_t on, const InstanceId& id, bool strict);
  void check_slot(std::size_t on, const InstanceId& id);

  SimulatedCluster& cluster_;
  std::map<int, std::pair<std::uint64_t, Stamp>> accepted_;  // by node: its life, and the goals
  Resources capacity_{MilliCpu{1}, Bytes{1}};
};

}  // namespace unik::sim
