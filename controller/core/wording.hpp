// How texts for people are put.
#pragma once

#include <cstdint>
#include <string>

#include "api/error.hpp"
#include "api/instance.hpp"
#include "api/resource.hpp"

namespace unik::controller {

// `1 instance`, `2 instances`.
inline std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// ` (restarted 3 times)`; nothing for none.
inline std::string restarts_of(const InstanceStatus& status) {
  return status.restarts == 0 ? "" : " (restarted " + counted(status.restarts, "time") + ")";
}

inline Error no_such(Kind kind, const std::string& name) {
  const std::string noun(names_of(kind).singular);
  return not_found(noun + "_not_found", "there is no " + noun + " `" + name + "`");
}

}  // namespace unik::controller
