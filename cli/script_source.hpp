// A lone script as a source that packs take: `deploy analyze.py --runtime python-3.11-ml`.
//
//   $UNIKCTL_HOME/scripts/HASH/    the script alone, and the build's own files; HASH is of the script's path
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"

namespace unik::cli {

struct ScriptSource {
  std::filesystem::path directory;
  codec::UnikYaml recipe;
};

// By its ending: `python` or `nodejs`; nothing for what no interpreter is known for.
std::optional<std::string_view> script_language(const std::filesystem::path& path);

// Lays the script out anew; two at once of one path end with one of them. Errors: those of the file system.
Result<ScriptSource> lay_out_script(const std::filesystem::path& home, const std::filesystem::path& script);

}  // namespace unik::cli
