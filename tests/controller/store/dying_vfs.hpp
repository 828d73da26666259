// An SQLite VFS on top of the default one that ends the process at a chosen call: what `kill -9` does, at each place
// where it makes a difference. It is made for a forked child.
#pragma once

#include <cstdint>

namespace unik::controller {

inline constexpr const char* kDyingVfs = "dying";
inline constexpr int kDied = 77;  // the exit code

// Registers it. The process ends before the `at`th write, sync or truncation from now on, or in the middle of it if it
// is a write and `torn`.
void die_at(std::uint64_t at, bool torn);

}  // namespace unik::controller
