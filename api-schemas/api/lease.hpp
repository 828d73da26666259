// The lease under which a strict singleton runs: what lets a controller say "it runs no longer" of a node that is
// silent.
//
// A heartbeat's answer names the newest one with which the node's goals were the newest there are (`renew`): it renews
// the lease of every strict instance there. The node counts from *sending* that one, on CLOCK_BOOTTIME, and the VM is
// gone when the lease runs out, whatever has become of the agent. The controller counts from *receiving* the last
// heartbeat of the node, which is later, and adds a margin. The two clocks are never compared; that they run
// at about the same speed is all that is assumed.
#pragma once

#include "api/time.hpp"

namespace unik {

// It must never be shortened: a VM keeps the length that it was started with.
inline constexpr Duration kStrictLease = std::chrono::seconds(60);

// For what the node takes to end a VM once the time has come, and for clocks of which one runs faster.
inline constexpr Duration kStrictMargin = std::chrono::seconds(15);

}  // namespace unik
