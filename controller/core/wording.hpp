// How texts for people count.
#pragma once

#include <cstdint>
#include <string>

namespace unik::controller {

// `1 instance`, `2 instances`.
inline std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace unik::controller
