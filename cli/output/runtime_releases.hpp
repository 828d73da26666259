// Releases of runtimes, as registries offer them, for people and for other tools. JSON is complete and stable.
#pragma once

#include <string>
#include <vector>

#include "cli/output/format.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"

namespace unik::cli {

struct ReleaseRow {
  std::string name;
  runtimes::RuntimeRelease release;
  std::string registry;  // its name in the configuration
  bool installed = false;
};

// One line of `runtime outdated`.
struct OutdatedRow {
  std::string name;
  std::string installed;  // the newest version here
  std::string latest;     // empty: no registry has another
  std::string registry;
  bool yanked = false;  // the installed one is known to be bad
};

std::string render_releases(const std::vector<ReleaseRow>& rows, OutputFormat format);
std::string render_release(const ReleaseRow& row, OutputFormat format);
std::string render_outdated(const std::vector<OutdatedRow>& rows, OutputFormat format);

}  // namespace unik::cli
