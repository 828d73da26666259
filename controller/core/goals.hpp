// A node's goals, composed from the tables.
#pragma once

#include "api/action.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// Whole, stamped with the last commit that changed them. The node must be in the World.
Goals goals_of(const World& world, Symbol node);

}  // namespace unik::controller
