// A second agent comes up under the name of a node that reports: another state directory, and so another identity, an
// empty record and VMs of its own. By chance the first one reports on, or is silent: for less than what frees its name,
// for longer, or for about so long, while commits take their time, so that it comes back as the name passes over. It is
// silent since it is cut off, or since it is dead.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Namesake {
 public:
  explicit Namesake(SimulatedCluster& cluster) : cluster_(cluster) {}

  // The second agent starts, and what must hold of the two is looked at as it goes.
  void come_up();

 private:
  SimulatedNode& first() const { return *cluster_.nodes.front(); }
  SimulatedNode& second() const { return *cluster_.nodes.back(); }

  void miss_first(Duration length);
  void silence_first(Duration length);
  void pass_over(Duration length);
  void come_back_midway(Duration length);
  void restart_controller();
  void end_first();
  void check_first_gave_up();
  void check_in_vain();
  void check_first_undisturbed();
  void check_name_is_of(const SimulatedNode& node);

  SimulatedCluster& cluster_;
  std::map<InstanceId, std::uint64_t> before_;  // what the first one ran when the second came: their processes
};

}  // namespace unik::sim
