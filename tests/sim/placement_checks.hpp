// What every placement must keep to, by the rules themselves and not by the code that places. Pure, so that a planted
// bug can be shown to each.
#pragma once

#include <string>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::sim {

// Instances that the record gives to a node which takes nothing new, has a taint that their app does not tolerate,
// lacks a label that the app or its tenant asks for, or has no room beside what is reserved there. `capacity` is what
// the nodes say of themselves.
std::vector<std::string> check_placements(const controller::World& before, const controller::World& after,
                                          const controller::Record& record, Resources capacity);

// Host ports that two apps declare.
std::vector<std::string> check_host_ports(const controller::World& world);

}  // namespace unik::sim
