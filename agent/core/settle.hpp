// Carries plans out: every instance that was touched, or whose time has come, is moved until its plan says to wait.
#pragma once

#include <cstddef>

#include "agent/core/node_state.hpp"

namespace unik::agent {

inline constexpr int kMostMoves = 8;  // of one instance in one turn; a plan that needs more goes in circles

void touch_due(NodeState& node);
void settle_touched(NodeState& node);

// How many instances a plan over all of them would move at `now`.
std::size_t count_unsettled(const NodeState& node, Time now);

}  // namespace unik::agent
