// A Python project, and what the packs uv, poetry and pip do alike: pip lays the packages below /app/.site-packages, as
// wheels alone, so that nothing of them runs during the build; then everything is compiled to files that are valid
// whatever the times of the sources say (unchecked hashes), under the paths that they have in the guest.
#pragma once

#include <string>
#include <vector>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kSitePackages = ".site-packages";

struct PythonRequirements {
  std::string lock;  // the file that pins them; empty: none does
  std::string file;  // for pip, by its path in the build; empty: nothing is installed
  std::string text;  // of `file`, where it is made of `lock` and lies not in the source
};

// Those that `lines`, made of `lock`, name.
PythonRequirements requirements_from(const std::string& lock, const std::vector<std::string>& lines);

// Python and, where something is installed, its pip: of the version that the runtime provides.
std::vector<ToolNeed> python_tools(const PackContext& context, bool installs);

// `3.11.2` of the tool, or of the runtime.
std::string python_version(const PackContext& context);

// More than one of uv.lock, poetry.lock and a hashed requirements.txt is `invalid/ambiguous_lock`.
Result<void> check_one_python_lock(const PackContext& context);

// Errors: `invalid/no_entry_point`.
Result<BuildPlan> plan_python(const PackContext& context, const PythonRequirements& requirements);
Result<Launch> finish_python(const PackContext& context);

}  // namespace unik::runtimes
