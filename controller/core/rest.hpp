// Tells apps for which there is nothing to do from all others, so that a look at everything costs what reading costs.
#pragma once

#include "controller/core/world.hpp"

namespace unik::controller {

// Whether planning `name` would change nothing and wait for nothing: its rollout is done, no operation is under way,
// and each slot has exactly one instance, of the current template, ready, on a node that nobody wants to leave. False
// where that takes a closer look; then it is planned like any other.
bool is_at_rest(const World& world, const AppName& name, const AppRow& app, Time now);

}  // namespace unik::controller
