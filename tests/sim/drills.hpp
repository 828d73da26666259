// One fault alone, over apps that rest: what each Drill of simulation.hpp does to the cluster.
#pragma once

#include "tests/sim/clients.hpp"
#include "tests/sim/fleet_drills.hpp"
#include "tests/sim/namesake.hpp"
#include "tests/sim/readers.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Drills {
 public:
  Drills(SimulatedCluster& cluster, Clients& clients, Readers& readers)
      : cluster_(cluster), clients_(clients), readers_(readers) {}

  // The apps are declared soon, and the fault comes when they have come to rest.
  void plan();
  // That a node which comes and goes has moved what it ran once at the most.
  void check_churn();

 private:
  void declare_apps();
  void begin();
  void flap(Duration away, Duration back);
  void kill_agent();
  void silence_all();
  void start_cold();
  void jump_clocks();
  void crowd();

  SimulatedCluster& cluster_;
  Clients& clients_;
  Readers& readers_;
  Namesake namesake_{cluster_};
  FleetDrills fleet_{cluster_, clients_};
  std::uint64_t placed_before_ = 0;    // when the drill began
  std::uint64_t on_first_before_ = 0;  // on the first node
};

}  // namespace unik::sim
