// On which seeds the tests run: `--seeds N` asks for the first N, `--seed N` for one.
#pragma once

#include <cstdint>

namespace unik::sim {

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

inline std::uint64_t g_seeds = 0;  // 0: each test takes its own number of them
inline std::uint64_t g_only = 0;

// The first `usual` seeds, or one of so many for each `share` that were asked for, or the one. What takes long asks for
// a small share.
inline Range seeds(std::uint64_t usual, std::uint64_t share = 1) {
  if (g_only > 0) return {g_only, g_only};
  return {1, g_seeds > 0 ? (g_seeds + share - 1) / share : usual};
}

}  // namespace unik::sim
