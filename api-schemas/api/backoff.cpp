#include "api/backoff.hpp"

#include <algorithm>
#include <string>

#include "api/stable_hash.hpp"

namespace unik {

Duration backoff_delay(Duration first, Duration most, std::uint32_t failures, std::string_view who) {
  Duration delay = std::min(first, most);
  for (std::uint32_t i = 1; i < failures && delay < most && delay.count() > 0; ++i) delay = std::min(delay * 2, most);
  const std::uint64_t hash = stable_hash(std::to_string(failures), stable_hash(who));
  return delay - delay / 5 * static_cast<std::int64_t>(hash % 1000) / 1000;
}

}  // namespace unik
