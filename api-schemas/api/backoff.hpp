// Waits that grow with each failure and that no two nodes or instances share.
#pragma once

#include <cstdint>
#include <string_view>

#include "api/time.hpp"

namespace unik {

// The wait after the `failures`th failure in a row (from 1): doubling from `first`, at most `most`, and shortened by up
// to a fifth. The jitter is a hash of `who` and the count, so that the same history always waits the same.
Duration backoff_delay(Duration first, Duration most, std::uint32_t failures, std::string_view who);

}  // namespace unik
