// Plants a bug in what the checks are shown of a record: changes that no policy makes, and a wrong one would. Nothing
// of it becomes durable.
#pragma once

#include <vector>

#include "controller/core/world.hpp"
#include "tests/sim/saboteur.hpp"

namespace unik::sim {

// What a product with this bug would have done beside `record`; nothing where it had no occasion.
std::vector<controller::Change> forged_changes(PlantedBug bug, const controller::World& before,
                                               const controller::World& after, const controller::Record& record);

}  // namespace unik::sim
