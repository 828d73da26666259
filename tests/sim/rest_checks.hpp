// What must hold in the end, when the world has had its time to settle.
#pragma once

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

// What runs is what is declared, no more and no less; the journal tells how it came about; and nothing is left to do.
void check_rest(SimulatedCluster& cluster);

}  // namespace unik::sim
