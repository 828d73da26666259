// Directories whose content is their owner's alone: a journal and an artifact may hold what an app was told in secret.
#pragma once

#include <filesystem>
#include <system_error>

namespace unik::wire {

// Makes `path` for its owner alone, and what is missing above it as the umask says. One that is there stays as it is.
std::error_code make_private_directory(const std::filesystem::path& path);

// Whether others than its owner may list or enter it; false where there is none.
bool is_open_to_others(const std::filesystem::path& path);

// Takes from others what they may do there. False, and nothing is done, where it belongs to another user, or to
// everybody (as /tmp does, by its sticky bit).
bool close_to_others(const std::filesystem::path& path);

}  // namespace unik::wire
