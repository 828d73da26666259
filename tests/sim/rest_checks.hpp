// What must hold in the end, when the world has had its time to settle.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

// What runs is what is declared, no more and no less; the journal tells how it came about; and nothing is left to do.
void check_rest(SimulatedCluster& cluster);

// In the middle of it, too, what was planned of what has moved comes to what a plan of everything would: looked at now
// and then when the loop has nothing to do. What a policy looks for again after a while (a report that says nothing
// new, but that it was heard) has its time.
class IncrementalCheck {
 public:
  explicit IncrementalCheck(SimulatedCluster& cluster) : cluster_(cluster) {}

  void look();

 private:
  static constexpr std::uint64_t kRestsForEach = 20;
  static constexpr Duration kPatience = std::chrono::milliseconds(1500);

  SimulatedCluster& cluster_;
  std::uint64_t looks_ = 0;
  std::set<std::string> wanted_;  // what a plan of everything would have changed at the last look, as it stood
  Time looked_;
  Time started_;  // the controller that was looked at
};

}  // namespace unik::sim
