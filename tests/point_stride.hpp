// How densely the tests of a store try "at each call". Where a sanitizer checks every instruction that takes minutes,
// and every eighth point runs the same code; all of them are tried in the other builds.
#pragma once

#include <cstdint>

namespace unik::controller {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kPointStride = 8;
#else
inline constexpr std::uint64_t kPointStride = 1;
#endif

}  // namespace unik::controller
