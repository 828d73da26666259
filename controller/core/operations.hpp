// Follows what users asked for until it has come true or failed.
#pragma once

#include "controller/core/plan.hpp"

namespace unik::controller {

// Brings every unfinished operation on `app` up to date with the draft's world.
void follow_operations(Draft& draft, const AppName& app);

}  // namespace unik::controller
