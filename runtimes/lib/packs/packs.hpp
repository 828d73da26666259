// The packs, in their order of preference. Adding one is a file in this directory and a line in packs.cpp.
#pragma once

#include <span>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

std::span<const Pack> all_packs();

extern const Pack kGoPack;
extern const Pack kCargoPack;

}  // namespace unik::runtimes
