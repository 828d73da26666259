// What operators do to a fleet at rest, at the worst moment: they empty a node for whose instances there is no room
// (fault 18), roll out what cannot run (fault 19), change apps of which a node does not hear (fault 5); and a
// host sleeps (fault 11).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/clients.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class FleetDrills {
 public:
  FleetDrills(SimulatedCluster& cluster, Clients& clients) : cluster_(cluster), clients_(clients) {}

  // Of the first node, while no other may take anything; by chance it dies in the middle of it.
  void drain();
  // What is declared next crashes, or its image is bad; by chance what was there before has become bad too.
  void roll_out_badly();
  // While the first node is away.
  void update_unheard();
  void change_all_twice();
  // The first node's host sleeps for so long that all it runs is replaced.
  void suspend_first();
  // For what is declared while all nodes are cordoned, over a restart of the controller.
  void make_room_late();

  // What is declared of `app` before the drill.
  void prepare(App& app) const;

 private:
  SimulatedNode& first() const { return *cluster_.nodes.front(); }

  void declare_crashing();
  void cordon_others(bool schedulable);
  void cordon(const SimulatedNode& node, bool schedulable);
  void check_drain();
  void check_undisturbed();
  void check_blocked();
  void check_forced();
  void check_served();
  void check_all_changed();
  void check_awake();
  void check_nothing_unwanted();
  void check_rolled_back();
  void check_given_up();
  void redeclare(const std::string& env, const std::string& image);
  void die_in_between();

  SimulatedCluster& cluster_;
  Clients& clients_;
  std::map<InstanceId, std::uint64_t> before_;  // what the first node ran when the drill began: their processes
  std::uint64_t placed_ = 0;                    // when a rollout had been given up
};

}  // namespace unik::sim
