// What a runtime runs on: `linux/amd64`, `linux/arm64`. Registries of others say `ubuntu-amd64`: the distribution means
// nothing to a guest, which brings everything itself, so any known one reads as Linux.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/oci/image_index.hpp"

namespace unik::runtimes {

// Errors: `invalid/bad_platform`, saying which part is wrong.
Result<Platform> parse_runtime_platform(std::string_view text);
std::string to_string(const Platform& platform);

// Of this host, and so of the guests that it runs.
Platform host_platform();

// Whether one of `platforms`, as a registry lists them, is `wanted`. What cannot be read is for somebody else.
bool runs_on(std::span<const std::string> platforms, const Platform& wanted);

}  // namespace unik::runtimes
