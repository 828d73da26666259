// Somebody else's erofs image as a FileTree. Its directories are read and checked by our own bounded code; contents,
// which may be compressed, are then unpacked by `fsck.erofs` into a private directory, which is safe because no name in
// the image can leave it by then.
#pragma once

#include <filesystem>

#include "api/result.hpp"
#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

// Contents refer to files below `scratch`, which the caller creates empty and removes when the tree has been used.
// Errors: `invalid/bad_erofs` (broken or hostile), `exhausted/root_too_large`, `unavailable/no_fsck_erofs`.
Result<FileTree> read_erofs(const std::filesystem::path& image, const std::filesystem::path& scratch);

}  // namespace unik::runtimes
