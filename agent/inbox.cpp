#include "agent/inbox.hpp"

#include <algorithm>
#include <utility>

#include "wire/clock.hpp"

namespace unik::agent {
namespace {

// The condition variable's clock stands still while the host is suspended, the loop's does not: look again at least so
// often.
constexpr Duration kLongestSleep = std::chrono::seconds(5);

}  // namespace

void Inbox::put(Event event) {
  {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [this] { return closed_ || events_.size() < kMaxInbox; });
    if (closed_) return;
    events_.push_back(std::move(event));
  }
  arrived_.notify_one();
}

std::vector<Event> Inbox::take(std::optional<Time> wake_at) {
  std::unique_lock lock(mutex_);
  while (events_.empty() && !closed_) {
    const Time now = wire::read_clock().boot;
    if (wake_at && now >= *wake_at) break;
    const Duration rest = wake_at ? std::min(*wake_at - now, kLongestSleep) : kLongestSleep;
    arrived_.wait_for(lock, rest);
  }
  std::vector<Event> events = std::exchange(events_, {});
  lock.unlock();
  taken_.notify_all();
  return events;
}

void Inbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    events_.clear();
  }
  arrived_.notify_all();
  taken_.notify_all();
}

}  // namespace unik::agent
