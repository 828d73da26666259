// What would happen, from the very code that makes it happen, on a copy of the World that nobody keeps.
#pragma once

#include <string>
#include <vector>

#include "controller/core/admit.hpp"

namespace unik::controller {

// `tenant` is who asks: what happens to others is not told. Empty: everything is.

// The reply that the request would get, with where its instances would go first, and why there. Errors as in admit.hpp.
Result<ApplyReply> foresee_apply(const World& world, const ApplyRequest& request, Symbol tenant = {});

// Where instances would go if the nodes in `lose` fell silent for good, with the resources of `add` in place: when they
// have been given up, each app's `lostAfter` has passed and every lease is over. A node of `add` that no agent has
// registered for counts as ready, and as large as the smallest that is there. The reply's `notes` say what was assumed,
// and what would be left as it is. Errors: `not_found`, and those of admit.hpp.
Result<ApplyReply> foresee_loss(const World& world, const std::vector<std::string>& lose, const ApplyRequest& add,
                                Symbol tenant = {});

}  // namespace unik::controller
