// Did-you-mean: the known name that a mistyped one is closest to.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace unik::codec {

// The candidate within an edit distance of a third of `typed` (at least 1), the first of the closest; insertions,
// deletions, changes, and swaps of neighbours count 1, a change of case nothing. Names over 64 bytes match nothing.
std::optional<std::string_view> nearest(std::string_view typed, std::span<const std::string_view> candidates);

}  // namespace unik::codec
