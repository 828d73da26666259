// A 64-bit hash that is the same in every process and release (FNV-1a with a final mix): jitter, digests of unchanged
// reports and row checksums. Not for anything that an enemy may choose collisions for.
#pragma once

#include <cstdint>
#include <string_view>

namespace unik {

constexpr std::uint64_t kStableHashSeed = 0xcbf29ce484222325ULL;

constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = kStableHashSeed) {
  std::uint64_t hash = seed;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93ULL;
  hash ^= hash >> 32;
  return hash;
}

}  // namespace unik
