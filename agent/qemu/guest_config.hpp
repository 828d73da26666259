// What a guest's init is told of its app (api/guest.h, configuration). Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/ports.hpp"
#include "api/result.hpp"
#include "runtimes/lib/oci/image.hpp"

namespace unik::agent {

// Where a guest is in the network that QEMU's user mode gives it for itself, whoever configures it.
std::string_view guest_address();

// The configuration's bytes. The image's entry point comes first, then the app's arguments or, where there are none,
// the image's default ones; the app's environment goes over the image's. Holds secrets: goes into a memfd and nowhere
// else. Errors: `invalid`/`no_program`, `bad_user` (a user by name, which only the image could resolve),
// `bad_boot_config` (beyond a bound of guest.h, or a NUL byte); they name keys, never values.
Result<std::string> guest_config(const InstanceId& id, const BootSpec& boot, const runtimes::ImageConfig& image);

}  // namespace unik::agent
