// The stage of a runtime: every package laid into one directory, and the recipe's commands run there.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/runtime/fetch_packages.hpp"

namespace unik::runtimes {

// One package over the others, by the links that are there already (Debian's `/lib` is one to `usr/lib`). `below` is
// empty or ends with `/`.
Result<void> merge_package(FileTree& stage, const FileTree& package, const std::string& below = "");

// A package of npm without its top directory. Errors: `invalid/bad_package`.
Result<FileTree> read_npm(const std::filesystem::path& file, const ContentSink& sink);

struct LaidStage {
  FileTree files;
  std::map<std::string, std::string> packages;  // path of a file -> NAME@VERSION of the package that it came from
};

// `directory` is made; it becomes what the tree refers to. Commands see a declared environment and programs of the
// stage alone. Errors: `invalid/bad_package`, `invalid/build_failed` with the end of what the command said.
Result<LaidStage> lay_stage(const codec::RuntimeRecipe& recipe, const FetchedPackages& packages,
                            const std::filesystem::path& directory, const SayStep& say,
                            const std::function<void(std::string_view)>& output);

}  // namespace unik::runtimes
