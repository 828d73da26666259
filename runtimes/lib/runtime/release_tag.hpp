// The tags by which runtimes are released: `python@1.2.0` is one of them, `v1.2.0` all of them at once. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "api/runtime_name.hpp"

namespace unik::runtimes {

struct ReleaseTag {
  std::string runtime;  // empty: every runtime is released
  RuntimeVersion version;

  bool operator==(const ReleaseTag&) const = default;
};

// `runtimes` are the names that there are. What looks nearly right is told why it is not: `python-1.2.0`, `1.2.0`,
// `v1.2`. Errors: `invalid/bad_release_tag`; `not_found/no_such_runtime`, with the nearest and those that there are.
Result<ReleaseTag> parse_release_tag(std::string_view tag, std::span<const std::string> runtimes);
std::string to_string(const ReleaseTag& tag);

}  // namespace unik::runtimes
