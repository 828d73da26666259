// Completion scripts, written from the tree of verbs, so that they never lag behind it. Pure.
//
// Verbs, flags, kinds and formats stand in the script; names of objects are asked for with `unikctl __names KIND...`,
// fields with `unikctl __fields App.sp`; both start nothing and say nothing when they cannot answer.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"
#include "cli/command_tree.hpp"

namespace unik::cli {

// `bash`, `zsh`, `fish`. Errors: `invalid`/`unknown_shell`.
Result<std::string> completion_script(std::string_view shell, const CLI::App& root);

}  // namespace unik::cli
