// The guest's address on its node: one of 127.64.0.0/10 for each instance, so that every guest keeps its real ports.
#pragma once

#include <set>
#include <string>

#include "api/ids.hpp"

namespace unik::agent {

// A function of the id, of the cluster and of what is taken: their hash, then the next ones until a free one is found.
// Control planes beside each other on one host name their instances alike. The last octet is never 0 or 255, which some
// programs take for a network or a broadcast.
std::string allocate_address(const InstanceId& id, const std::string& cluster_id, const std::set<std::string>& in_use);

}  // namespace unik::agent
