// A lone script or jar as a source that packs take: `deploy analyze.py --runtime python-3.11-ml`, `deploy tool.jar`.
//
//   $UNIKCTL_HOME/scripts/HASH/    the file alone, and the build's own files; HASH is of the file's path
//   $UNIKCTL_HOME/scripts/HASH.lock
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::cli {

struct ScriptSource {
  std::filesystem::path directory;
  codec::UnikYaml recipe;
  runtimes::Fd lock;  // until it is built, nobody else lays this file out
};

// By its ending: `python`, `nodejs` or `java`; nothing for what no interpreter is known for.
std::optional<std::string_view> script_language(const std::filesystem::path& path);

// Lays the file out anew. Waits while another build of this path is at work. Errors: those of the file system.
Result<ScriptSource> lay_out_script(const std::filesystem::path& home, const std::filesystem::path& script);

}  // namespace unik::cli
