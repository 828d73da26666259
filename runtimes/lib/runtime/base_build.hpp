// The one runtime that is compiled instead of put together: its `build.sh` makes the kernel, of the source that
// versions.lock pins as a package, and PID 1, and lays both out as a base directory (base_runtime.hpp). Minutes, once.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/runtime/package_places.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::runtimes {

struct BaseBuildOptions {
  RuntimeSource source;
  PackagePlaces packages;       // its scratch is used for the kernel's source, too
  std::filesystem::path out;    // becomes exactly the base directory
  std::string variant = "all";  // `up`, `smp` or `all`
  BuildMode mode = BuildMode::kDebug;
  SayStep say;
  std::function<void(std::string_view)> output;  // of the script; may be empty
};

// Errors: those of fetch_packages; `invalid/bad_package` (no kernel source in it); `invalid/build_failed`.
Result<void> lay_out_base(const BaseBuildOptions& options);

}  // namespace unik::runtimes
