// The directories over which PID 1 of a guest mounts file systems of its own: what an image holds there no app sees.
#pragma once

#include <optional>
#include <string_view>

#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kGuestMounts[] = {"/dev", "/proc", "/run", "/sys", "/tmp"};

// The mount point that a path, absolute and without links, is or lies below.
std::optional<std::string_view> guest_mount_of(std::string_view path);

// The first path at or below a mount point that `whole` has and `below` has not, absolute; of a mount point itself only
// when it is no directory. Empty when there is none.
std::string first_hidden(const FileTree& whole, const FileTree& below = {});

}  // namespace unik::runtimes
