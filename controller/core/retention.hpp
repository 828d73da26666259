// Forgets what nobody needs any more, so that the tables stay bounded.
#pragma once

#include "controller/core/plan.hpp"

namespace unik::controller {

inline constexpr std::size_t kMaxFinishedOperations = 1000;
inline constexpr Duration kAnswerLifetime = std::chrono::hours(24);
inline constexpr std::size_t kMaxAnswers = 100'000;

// Finished operations beyond the newest thousand, and answers to idempotency keys that are a day old. Ages are taken
// from the wall clock: nothing but an answer's lifetime hangs on it.
void drop_expired(Draft& draft);

}  // namespace unik::controller
