// One script (deploy, update, scale, destroy on a few nodes) over the real loops, without chance: the network keeps
// what it is given, and the one fault is the death of one program at one point that is counted. So every point can be
// tried, and each run compared with the one in which nobody died.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unik::sim {

enum class Victim : std::uint8_t { kController, kAgent };

struct ScriptOutcome {
  std::vector<std::string> broken;  // what did not hold; empty is a pass
  std::string state;                // what is left in the end, without times and sequence numbers
  std::uint64_t points = 0;         // of the victim, passed in this run
  std::uint64_t boots = 0;
  bool died = false;
};

// The user of the script. A forgetful one asks again under another key: a bug that is planted to show that the checks
// can fail.
enum class User : std::uint8_t { kCareful, kForgetful };

// The victim dies at its `point`th point, counted from 1, and is started again a little later. Without one the points
// are counted.
ScriptOutcome run_script(Victim victim, std::optional<std::uint64_t> point, User user = User::kCareful);

}  // namespace unik::sim
