// Fault 20: those who list what there is while the loop goes on. Each holds the World that was published when it came,
// for as long as it takes to read it, and must find in it what the journal had made of it by then.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Readers {
 public:
  explicit Readers(SimulatedCluster& cluster) : cluster_(cluster) {}

  // What readers see from now on: nothing that is not durable.
  void publish(std::shared_ptr<const controller::World> world);
  // A record has become durable.
  void remember();
  // A thousand lists at once. The slowest takes two minutes, in which everything changes.
  void come();

 private:
  void finish(const controller::World& held);

  SimulatedCluster& cluster_;
  std::shared_ptr<const controller::World> newest_;
  std::map<std::uint64_t, controller::World> history_;  // by revision; only for the drill
};

}  // namespace unik::sim
