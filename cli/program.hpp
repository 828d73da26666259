// unikctl as a function: a command line in, output and an exit code out.
#pragma once

#include <string>
#include <vector>

#include "cli/environment.hpp"

namespace unik::cli {

// `args` without the program's name. Errors go to stderr as `error: CODE: … (trace …)`, and give the code's exit code.
int run(const std::vector<std::string>& args, const Environment& environment, const Terminal& terminal);

}  // namespace unik::cli
