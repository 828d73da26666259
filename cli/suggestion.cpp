#include "cli/suggestion.hpp"

#include <vector>

#include "codec/nearest.hpp"

namespace unik::cli {

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const auto best = codec::nearest(word, views);
  return best ? "; did you mean `" + std::string(*best) + "`?" : "";
}

}  // namespace unik::cli
