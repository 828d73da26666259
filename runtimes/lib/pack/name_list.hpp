// Closed lists of names, such as the shells that no runtime has or the options of pip that a pack takes.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace unik::runtimes {

inline bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace unik::runtimes
