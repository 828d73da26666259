// What the node tells of itself.
#pragma once

#include <cstdint>

#include "agent/core/instance.hpp"
#include "agent/core/plan.hpp"

namespace unik::agent {

// Whether a report names `instance`: not before its goal was stored, not after it was seen absent.
bool is_reported(const Instance& instance);

// How a report puts an instance that its plan finds in `bucket`.
InstanceStatus describe(const Instance& instance, Bucket bucket);

// Names a body among those of one node: equal bodies have equal digests, in every process and release.
std::uint64_t body_digest(const ReportBody& body);

}  // namespace unik::agent
