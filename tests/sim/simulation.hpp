// The real loops of one controller and many agents in one thread, under one seed: a simulated network, disk, clock and
// host between them, which lose, double, delay, reorder and crash as the seed says.
//
// Nothing here decides what the product should do; it carries out effects, brings events home, and holds at every step
// what must always be true. The same seed gives the same journal, byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/loop.hpp"
#include "controller/loop.hpp"

namespace unik::sim {

// Bugs that can be planted, to show that the checks can fail. Each is made by changing messages on their way, not the
// product.
enum class PlantedBug : std::uint8_t {
  kNone,
  kNoStrayBucket,         // reports leave out what the controller has no row for
  kNoFencing,             // every reply looks newer than all before it
  kSendBeforeCommit,      // nodes get goals that are not durable yet
  kAbsentWithoutStamp,    // every report claims to come after the newest goals
  kRestoreUnseen,         // reports claim no goals that the restored store has not given
};

struct Options {
  std::uint64_t seed = 1;
  int agents = 5;
  int apps = 4;
  Duration faulty = std::chrono::seconds(120);   // how long faults and changes go on
  Duration quiet = std::chrono::seconds(240);    // how long the world then has to settle
  std::uint32_t max_operations = controller::kMaxOperationsAtWork;
  bool network_faults = true;
  bool crashes = true;
  bool disk_faults = true;
  bool clock_jumps = true;
  bool restore = false;  // an old copy of the controller's store is put back when the faults have ended
  PlantedBug bug = PlantedBug::kNone;
};

struct Outcome {
  std::vector<std::string> broken;   // what did not hold; empty is a pass
  std::vector<std::string> journal;  // one JSON text for each change, in order
  std::uint64_t commits = 0;
  std::uint64_t boots = 0;
  std::uint64_t controller_crashes = 0;
  std::uint64_t agent_crashes = 0;
  std::uint64_t strays = 0;
  std::uint64_t stale_goals_refused = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t adopted = 0;
};

Outcome simulate(const Options& options);

}  // namespace unik::sim
