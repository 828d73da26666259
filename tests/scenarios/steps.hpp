// A plan's changes as lines that a person reads: what becomes of whom, not which row is written how.
#pragma once

#include <string>
#include <vector>

#include "controller/core/plan.hpp"

namespace unik::controller::scenario {

// `web-0-r7-1`, or `team-a/web-0-r7-1` outside the default tenant.
std::string name_of(const InstanceId& id);
std::string name_of(const AppName& app);

// `running`, `running healthy`, `exited 0`, `pending crash_loop: why`.
std::string describe(const InstanceStatus& status);

// One line for each change, in order. `before` is the World that the plan was made on.
std::vector<std::string> steps_of(const World& before, const Plan& plan);

}  // namespace unik::controller::scenario
