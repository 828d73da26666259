// Decides what to change so that the world becomes as declared. Pure: the same World, Dirty and Now give the same Plan.
//
// Its cost follows `dirty`. After any run of incremental plans, a plan of everything is empty.
#pragma once

#include <cstddef>
#include <limits>

#include "controller/core/plan.hpp"

namespace unik::controller {

// Plans the objects that `dirty` names and whatever that touches in turn. `draft` may already hold the changes of
// admitted requests; `draft.world().revision` is that of the record under construction. From `max_changes` in the draft
// on, no further object is planned: those that are left stay in `draft.touched()`, and their plan is for the next
// record.
void reconcile(Draft& draft, Dirty dirty, std::size_t max_changes = std::numeric_limits<std::size_t>::max());

// The same for a World at rest: `world.revision` is the last record's, the plan is for the next.
Plan reconcile(const World& world, const Dirty& dirty, Now now);

}  // namespace unik::controller
