// What goes wrong in a simulated cluster while there are faults, as chance has it: programs that die, hosts that sleep,
// disks that fail or give back what is old, nodes that are cut off, clocks that jump.
#pragma once

#include <functional>

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Faults {
 public:
  explicit Faults(SimulatedCluster& cluster) : cluster_(cluster) {}

  // Does harm now and then until the faults end, the more the more nodes there are.
  void plan();
  // Everything is up again, and no disk fails. The network heals by itself: `SimulatedCluster::faulty`.
  void heal();

 private:
  void plan_next(const std::function<void()>& harm);
  void do_harm();
  void harm_some_node();
  SimulatedNode& some_node();
  void cut_off(std::size_t node);
  void crash_controller();
  void crash_agent(SimulatedNode& node, bool lose_record, Duration at_most = std::chrono::seconds(15));
  void fail_disks(SimulatedNode& node);

  SimulatedCluster& cluster_;
};

}  // namespace unik::sim
