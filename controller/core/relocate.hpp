// Moves instances that their node cannot start: no QEMU there, no memory, no image that is whole.
//
// The agent goes on trying by itself meanwhile, so an instance stays where it is until another node has room for it.
// The attempts of one slot follow each other at a growing distance. An app that ends is never moved: that is its own
// fault.
#pragma once

#include <vector>

#include "controller/core/plan.hpp"

namespace unik::controller {

inline constexpr Duration kMoveBackoff = std::chrono::seconds(1);
inline constexpr Duration kMoveMaxBackoff = std::chrono::minutes(5);

// The instances of `app` to stop because another node will take their place; asks to be woken when one is due later.
std::vector<InstanceId> plan_relocation(Draft& draft, const AppRow& app);

}  // namespace unik::controller
