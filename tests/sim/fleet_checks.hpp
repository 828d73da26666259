// What must hold of a fleet after every record, by the World before it and the one after: pure, so that a planted bug
// can be shown to each.
#pragma once

#include <string>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::sim {

// Whether the record ends the wait for the leases of a lost history, so that this strict singleton has stopped by
// itself, whatever the table says.
bool has_lost_its_lease(const controller::World& before, const controller::World& after, const InstanceId& id);

// Instances of older templates that are stopped while a hand has paused the rollout, though they serve where they may
// stay.
std::vector<std::string> check_pauses(const controller::World& before, const controller::World& after);

// Slots in which a strict singleton, or anything beside one, is created while another instance is still wanted, not yet
// gone, or in quarantine.
std::vector<std::string> check_strict_slots(const controller::World& before, const controller::Record& record);

// Instances of the current template in slots that a paused rollout has not reached.
std::vector<std::string> check_held(const controller::World& before, const controller::World& after);

// Nodes that get an instance for which they have no room, by what the nodes themselves have. What had ended and is seen
// to wait for its goals again takes its room back, whoever has got it.
std::vector<std::string> check_nodes(const controller::World& after, const controller::Record& record,
                                     Resources capacity);

}  // namespace unik::sim
