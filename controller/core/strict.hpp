// What a strict singleton waits for beside its app's own instances: what nodes run that nobody wants, and, after a
// restored backup, what the lost history may have left running.
//
// The lease rules of docs/decisions/0009, for rows that are no instances of any app.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "controller/core/plan.hpp"

namespace unik::controller {

// The first strict instance that is placed on the node.
std::optional<InstanceId> strict_instance_on(const World& world, Symbol node);

// When nothing strict can be left on the node if it stays silent: neither an instance, nor what is in quarantine there.
// None where there is nothing.
std::optional<Time> all_leases_over_at(const World& world, Symbol node);

// The slots of `app` in which something runs, or may, that is not the app's: in quarantine, or a stray that is not seen
// gone. Of a silent node a stray is gone when its lease is over; what is in quarantine would go on when it returns.
// `next_is_strict`: what comes to the slot is; if not, only what is known to be strict holds it.
struct HeldSlots {
  std::set<std::uint32_t> slots;
  std::optional<Time> until;  // the first that time alone will free
};
HeldSlots slots_held_by_strays(const World& world, const AppName& app, bool next_is_strict, Time now);

// What keeps a slot from an instance that is in quarantine on `node`; none where nothing does. The instance is strict,
// or may be since its template is lost, or the other one is known to be.
std::optional<InstanceId> contender(const World& world, Symbol node, const InstanceId& id);

// Ends the wait for the leases of a lost history, when they are over; asks to be woken then. True: they are now. What
// is in quarantine then keeps its slot.
bool end_wait_for_leases(Draft& draft);

}  // namespace unik::controller
