#include "runtimes/lib/packs/packs.hpp"

#include <array>

namespace unik::runtimes {

std::span<const Pack> all_packs() {
  static const std::array kOrder = {kGoPack, kCargoPack};
  return kOrder;
}

}  // namespace unik::runtimes
