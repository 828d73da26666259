// A Debian package as files: the `data.tar` of the `ar` archive that a .deb is. Maintainer scripts are never looked at.
#pragma once

#include <filesystem>

#include "api/result.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {

// Errors: `invalid/bad_package` (no .deb, cut off), `invalid/unsafe_layer` (a path that leaves), those of the sink.
Result<FileTree> read_deb(const std::filesystem::path& path, const ContentSink& sink);

}  // namespace unik::runtimes
