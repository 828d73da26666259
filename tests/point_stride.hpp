// How densely tests try "at each call" and "on each seed". Where a sanitizer checks every instruction that takes
// minutes, and every eighth runs the same code; all of them are tried in the other builds.
#pragma once

#include <cstdint>

namespace unik {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kPointStride = 8;
#else
inline constexpr std::uint64_t kPointStride = 1;
#endif

}  // namespace unik
