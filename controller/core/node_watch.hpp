// What a node's reports, or its silence, mean for the tables: health, transitions, instances gone, strays.
#pragma once

#include "controller/core/plan.hpp"

namespace unik::controller {

// A node that has been silent for so long is `unknown`: nothing is placed there, nothing of it is believed gone.
inline constexpr Duration kSilenceLimit = std::chrono::seconds(40);

// Asks for no wake-up: the loop knows when each node was heard and calls again when one has been silent for too long.
void watch_node(Draft& draft, Symbol node);

}  // namespace unik::controller
