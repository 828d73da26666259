// The guest's address on its node: one of 127.64.0.0/10 for each instance, so that every guest keeps its real ports.
#pragma once

#include <set>
#include <string>

#include "api/ids.hpp"

namespace unik::agent {

// A function of the id and of what is taken: the hash of the id, then the next ones until a free one is found. The last
// octet is never 0 or 255, which some programs take for a network or a broadcast.
std::string allocate_address(const InstanceId& id, const std::set<std::string>& in_use);

}  // namespace unik::agent
