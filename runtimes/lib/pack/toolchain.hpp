// The programs that a pack builds with: looked for on the PATH of the declared environment, asked for their version,
// and recorded with it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "api/result.hpp"

namespace unik::runtimes {

struct ToolNeed {
  std::string name;                       // how the pack calls it: `go`
  std::vector<std::string> programs;      // file names, the first that works is taken
  std::vector<std::string> version_args;  // `version`, `--version`
  std::string version_prefix;             // the version's line must begin so; empty: any will do
  std::string mend;                       // what brings it: `apt-get install golang-go`
};

struct Tool {
  std::string name;
  std::filesystem::path program;
  std::string version;  // the first line that it says of itself

  bool operator==(const Tool&) const = default;
};

using Tools = std::map<std::string, Tool>;

// A program that is there but does not tell its version (a shim whose own installation is missing) is passed over, and
// named in the error. Errors: `not_found/no_toolchain`, with what was tried and what mends it.
Result<Tool> find_tool(const ToolNeed& need, const std::map<std::string, std::string>& environment);
Result<Tools> find_tools(const std::vector<ToolNeed>& needs, const std::map<std::string, std::string>& environment);

}  // namespace unik::runtimes
