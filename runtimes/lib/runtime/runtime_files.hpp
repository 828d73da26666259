// Which files a runtime consists of: what its recipe chooses of the stage, what that is linked with, and nothing else.
//
// The stage is all packages laid over each other, on disk, since libraries are looked for in it as a loader would.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"
#include "runtimes/lib/elf/elf_info.hpp"
#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

// `keep`, `drop`, `place`, `join` and `links` of a recipe. Links that were kept bring what they point at. Pure but for
// the contents that `join` reads. Errors: `invalid/nothing_kept`, naming every entry that matches nothing.
Result<FileTree> choose_files(const codec::RuntimeRecipe& recipe, const FileTree& stage);

struct ClosedFiles {
  FileTree files;
  std::optional<GlibcVersion> newest_glibc;
};

// Adds the recipe's `libraries` and all that a program or library in `files` is linked with, found in `stage` alone.
// Errors: `invalid/missing_library`, `invalid/missing_interpreter`.
Result<ClosedFiles> close_files(const codec::RuntimeRecipe& recipe, FileTree files, const std::filesystem::path& stage);

// The files of the stage in `directory` that are in `files`, as they are or joined: as paths of the stage.
std::set<std::string> taken_files(const codec::RuntimeRecipe& recipe, const FileTree& stage,
                                  const std::filesystem::path& directory, const FileTree& files);

}  // namespace unik::runtimes
