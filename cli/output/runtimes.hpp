// Runtimes, installed and as sources, for people and for other tools. JSON is complete and stable.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/output/format.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"
#include "runtimes/lib/runtime/runtime_install.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::cli {

// One line of `runtime list`: what is installed, or a source from which it would be built.
struct RuntimeRow {
  std::string name;  // qualified when installed under another than the configured namespace
  std::string version;
  std::optional<runtimes::InstalledRuntime> installed;
  std::optional<runtimes::RuntimeSource> source;
  std::optional<runtimes::InstallRecord> record = {};  // of what came from a registry
  std::optional<bool> yanked = false;                  // as that registry says by now; none: it does not tell
};

// `installed`, `changed` (the source is no longer the one that it was built from) or `source`.
std::string state_of(const RuntimeRow& row);

std::string render_runtimes(const std::vector<RuntimeRow>& rows, OutputFormat format);
// One runtime whole: manifest, packages with their versions, environment, image.
std::string render_runtime(const RuntimeRow& row, OutputFormat format);

}  // namespace unik::cli
