// Times as users give them on the command line.
#pragma once

#include <string>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::cli {

// A UTC time such as `2026-11-22T18:51:13Z`, or a duration such as `5m` for so long ago. `flag` is named in errors.
Result<WallTime> parse_moment(const std::string& flag, const std::string& text);

}  // namespace unik::cli
