// What a starting agent finds: the full outer join of its record, the goals in it, and the VMs that outlived the last
// one.
#pragma once

#include "agent/core/instance.hpp"

namespace unik::agent {

// Every id that any of the three names, as if this agent had seen it all. A run that ended while nobody looked is taken
// up here, unless the record says that the agent before had done so.
Instances join(const Inventory& inventory, Time now);

// Gives an address to every instance that is wanted and has none, and to each that `offered` adds; returns the latter.
std::map<InstanceId, std::string> assign_addresses(Instances& instances, const Goals& offered,
                                                   const std::string& cluster_id);

}  // namespace unik::agent
