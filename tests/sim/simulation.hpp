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
#include "tests/sim/saboteur.hpp"

namespace unik::sim {

// One fault alone, over apps that rest and users who ask nothing more; chance plays no part in it.
enum class Drill : std::uint8_t {
  kNone,
  kFlap,           // a node is away for 15 s of each 30 s: never long enough to be missed
  kLongFlap,       // a node is away for 130 s and back for 40 s, again and again
  kDeadAgent,      // a node's agent is killed for five minutes, and its VMs are not
  kAllSilent,      // every heartbeat is lost for `away`
  kClockJumps,     // the wall clock jumps by a day, and back
  kNamesake,       // a second agent comes up under the name of one that reports, and that may fall silent
  kColdStart,      // the controller is away for `away`, and all agents come back to one that has heard nobody
  kDrain,          // a node is drained while no other may take anything, and may die meanwhile
  kBadRollout,     // what is declared next cannot run; by the seed neither can what was there before
  kUnheardUpdate,  // a node is away for three minutes, and every app is changed meanwhile
  kLateRoom,       // there is room for an app long after it was declared, and after a restart of the controller
  kSuspended,      // a node's host sleeps for ten minutes
  kReaders,        // a thousand lists at once, held for up to two minutes, while every app is changed
  kQuotaEdge,      // a hundred declarations at once at the quota's edge, half of them invalid
};

struct Options {
  std::uint64_t seed = 1;
  int agents = 5;
  int apps = 4;
  Duration faulty = std::chrono::seconds(120);  // how long faults and changes go on
  Duration quiet = std::chrono::seconds(240);   // how long the world then has to settle
  std::uint32_t max_operations = controller::kMaxOperationsAtWork;
  std::size_t max_changes = controller::kMaxChangesPerRecord;
  bool network_faults = true;
  bool crashes = true;
  bool disk_faults = true;
  bool clock_jumps = true;
  bool builds = false;   // users send sources too
  bool restore = false;  // an old copy of the controller's store is put back when the faults have ended
  PlantedBug bug = PlantedBug::kNone;
  Drill drill = Drill::kNone;
  Duration away = std::chrono::minutes(5);           // of kAllSilent and kColdStart
  Duration resync_every = std::chrono::seconds(60);  // a plan of everything, whatever has moved
};

struct Outcome {
  std::vector<std::string> broken;   // what did not hold; empty is a pass
  std::vector<std::string> journal;  // the head of each record and the JSON of its changes, in order
  std::uint64_t commits = 0;
  std::uint64_t boots = 0;
  std::uint64_t controller_crashes = 0;
  std::uint64_t agent_crashes = 0;
  std::uint64_t strays = 0;
  std::uint64_t moved = 0;      // changes of instances and nodes since the drill began
  std::uint64_t placed = 0;     // new instances that were given a node
  std::uint64_t declared = 0;   // instances that apps declare in the end
  std::uint64_t rollbacks = 0;  // that nobody asked for
  std::uint64_t builds_begun = 0;
  std::uint64_t builds_ended = 0;  // that were neither interrupted nor taken back
  std::uint64_t built = 0;         // and deployed
  std::uint64_t refused = 0;       // requests that were answered with an error
  std::uint64_t strict_boots = 0;  // launches of strict singletons
  std::uint64_t stale_goals_refused = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t adopted = 0;
  std::uint64_t replans = 0;              // records that were planned again, since their commit did not happen
  std::uint64_t lists = 0;                // that readers came to the end of
  std::vector<std::uint64_t> heartbeats;  // that reached the controller, in each second since the drill began
  std::uint64_t names_passed = 0;         // from a silent agent to its namesake
  std::uint64_t names_in_doubt = 0;       // the silent agent came back as its name might pass over
};

Outcome simulate(const Options& options);

}  // namespace unik::sim
