// One fault alone, over apps that rest: what each Drill of simulation.hpp does to the cluster.
#pragma once

#include "tests/sim/clients.hpp"
#include "tests/sim/namesake.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Drills {
 public:
  Drills(SimulatedCluster& cluster, Clients& clients) : cluster_(cluster), clients_(clients) {}

  // The apps are declared soon, and the fault comes when they have come to rest.
  void plan();

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
  Namesake namesake_{cluster_};
};

}  // namespace unik::sim
