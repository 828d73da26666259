// Times as the database keeps them: microseconds since 1970, in columns and fields that end in `_us`.
#pragma once

#include <cstdint>

#include "api/time.hpp"

namespace unik::controller {

inline std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime wall(std::int64_t micros) {
  return WallTime(Duration(micros));
}

}  // namespace unik::controller
