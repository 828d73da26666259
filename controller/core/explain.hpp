// The answer to "why": each step of the reasoning behind what an object is, derived from a World when it is asked for.
#pragma once

#include <optional>

#include "api/views.hpp"
#include "controller/core/world.hpp"

namespace unik::controller {

// Its conditions, and why it is so; what would have to change for it to go on. Empty when there is no such object.
std::optional<Explanation> explain_app(const World& world, const AppName& name);
std::optional<Explanation> explain_instance(const World& world, const InstanceId& id);
// `tenant` is who asks: what others have there is counted and not named. Empty: everybody's is named.
std::optional<Explanation> explain_node(const World& world, Symbol name, Symbol tenant = {});

}  // namespace unik::controller
