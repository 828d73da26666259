// Follows what users asked for until it has come true or failed.
#pragma once

#include "controller/core/plan.hpp"

namespace unik::controller {

// The first free index of the record under construction.
std::uint32_t next_operation_index(const World& world);

// Whether operations on `app` may go on: nobody waits for it, or one of its operations is at work already, or fewer
// than `World::max_operations` are. Without it no template begins in another slot and nothing is destroyed; all else is
// planned as ever. An operation is at work while something can be expected to happen for it; one that waits for room,
// for a silent node or for a hand gives its turn away.
bool has_turn(const World& world, const AppName& app);

// Brings every unfinished operation on `app` up to date with the draft's world; `turn` is what has_turn said before the
// app was planned. An operation that waits says for what: `error` names what is in the way, none means its turn.
void follow_operations(Draft& draft, const AppName& app, bool turn);

// Names the apps of those operations, the oldest first, for which there is a turn.
void add_next_in_turn(const World& world, Dirty& dirty);

// Adds the apps whose operations wait for something else than a turn, when turns have run out or come free: what of
// them may begin hangs on it.
void add_blocked(const World& world, Dirty& dirty);

}  // namespace unik::controller
