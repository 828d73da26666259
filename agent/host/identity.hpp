// Who an agent is, beside its node's name: a random id that is made once for a state directory and stays for as long as
// that does. By it a controller tells an agent that begins anew from another one that was given the same name.
#pragma once

#include <string>

#include "api/result.hpp"

namespace unik::agent {

inline constexpr std::string_view kIdentityFile = "agent-id";

// Made durable before it is returned. `state_dir` exists and is held by this process. Errors: `internal`/
// `corrupt_identity` for a file that holds something else, and those of the file system.
Result<std::string> load_identity(const std::string& state_dir);

}  // namespace unik::agent
