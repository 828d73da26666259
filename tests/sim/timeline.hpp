// Simulated time: what happens next, in order; two things at one time happen in the order in which they were planned.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "api/time.hpp"

namespace unik::sim {

class Timeline {
 public:
  Now now() const { return {boot_, WallTime(std::chrono::hours(24 * 365 * 56)) + (boot_ - Time{}) + wall_offset_}; }
  void jump_wall_clock(Duration by) { wall_offset_ += by; }

  void after(Duration delay, std::function<void()> what) {
    queue_.emplace(std::pair(boot_ + delay, ++planned_), std::move(what));
  }

  // Lets everything happen up to `until`.
  void run_until(Time until) {
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto next = queue_.extract(queue_.begin());
      boot_ = std::max(boot_, next.key().first);
      next.mapped()();
    }
    boot_ = until;
  }

 private:
  Time boot_{std::chrono::hours(1)};
  Duration wall_offset_{};
  std::uint64_t planned_ = 0;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace unik::sim
