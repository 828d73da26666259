// What would happen, from the very code that makes it happen, on a copy of the World that nobody keeps.
#pragma once

#include <string>
#include <vector>

#include "controller/core/admit.hpp"

namespace unik::controller {

// The reply that the request would get, with where its instances would go first. Errors as in admit.hpp.
Result<ApplyReply> foresee_apply(const World& world, const ApplyRequest& request);

// Where the instances of the nodes in `lose` would go, with the resources of `add` in place as well. Errors:
// `not_found`, and those of admit.hpp.
Result<ApplyReply> foresee_loss(const World& world, const std::vector<std::string>& lose, const ApplyRequest& add);

}  // namespace unik::controller
