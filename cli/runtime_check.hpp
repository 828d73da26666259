// `runtime test`: a program of the runtime's source is packed on the runtime, booted in a VM by the control plane,
// asked by HTTP, and destroyed again.
#pragma once

#include <filesystem>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::cli {

// 0 when it has answered as `check` of unik.yaml says; what it answered is printed. 1 after the reason and the
// console's end were. Errors: `invalid/no_check`; those of building, packing and the API.
Result<int> check_runtime(const Session& session, const runtimes::RuntimeSource& source,
                          const std::filesystem::path& scratch, Duration timeout);

}  // namespace unik::cli
