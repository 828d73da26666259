// Fault 14: an old copy of the controller's store takes the place of the newer one. What nodes run and the copy does
// not know must be left alone until an operator has decided on it.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "tests/sim/clients.hpp"
#include "tests/sim/node_checks.hpp"
#include "tests/sim/record_checks.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class RestoredBackup {
 public:
  RestoredBackup(SimulatedCluster& cluster, Clients& clients, const NodeChecks& nodes, RecordChecks& records)
      : cluster_(cluster), clients_(clients), nodes_(nodes), records_(records) {}

  // Copies the store aside at some time while there are faults.
  void plan_copy();
  // Puts the copy back, recovers, and decides on what is quarantined.
  void restore();

 private:
  void find_unknown();
  void check_left_alone();
  void check_leases_over();
  void decide();

  SimulatedCluster& cluster_;
  Clients& clients_;
  const NodeChecks& nodes_;
  RecordChecks& records_;
  std::map<std::pair<std::size_t, InstanceId>, std::uint64_t> unknown_;  // VMs of the lost history: their processes
  std::map<std::pair<std::size_t, InstanceId>, std::uint64_t> leased_;   // and those of strict singletons
};

}  // namespace unik::sim
