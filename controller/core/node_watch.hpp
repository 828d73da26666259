// What a node's reports, or its silence, mean for the tables: health, transitions, instances gone, strays.
#pragma once

#include "controller/core/plan.hpp"

namespace unik::controller {

// A node that has been silent for so long is `unknown`: nothing is placed there, nothing of it is believed gone.
inline constexpr Duration kSilenceLimit = std::chrono::seconds(40);

// After so long it is `lost`: its instances may be replaced, each when its app's `lostAfter` has passed too.
inline constexpr Duration kLostLimit = std::chrono::seconds(60);

// Two brakes, since silence may be our own: one node at a time is given up, and none while most of them are silent, nor
// for `kLostLimit` after: those that come back do not all come at once. What has been silent for `kLongSilence` and is
// lost says nothing about us any more.
inline constexpr Duration kLostEvery = std::chrono::seconds(10);
inline constexpr Duration kLongSilence = std::chrono::minutes(15);
bool is_isolated(const World& world, Time now);

// Whether it is to be emptied and is: nothing runs there that anybody knows of. What has ended by itself may lie there.
bool is_drained(const World& world, Symbol node);

// A node that comes back again and again gets nothing new until it has stayed: from the second return within
// `kFlapMemory` on for `kFirstHold`, then twice as long each time.
inline constexpr Duration kFlapMemory = std::chrono::minutes(30);
inline constexpr Duration kFirstHold = std::chrono::seconds(30);
inline constexpr Duration kLongestHold = std::chrono::minutes(15);

// Asks for no wake-up: the loop knows when each node was heard and calls again when one has been silent for too long.
void watch_node(Draft& draft, Symbol node);

}  // namespace unik::controller
