// Where events wait for the loop. Any thread puts, one takes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/ports.hpp"
#include "api/time.hpp"

namespace unik::agent {

// Ports answer what the loop has asked, so this is never near; a putter waits where it is reached, and nothing is lost.
inline constexpr std::size_t kMaxInbox = 10'000;

class Inbox {
 public:
  void put(Event event);

  // All that is there, in order of arrival; waits for the first until `wake_at`, without one until close().
  std::vector<Event> take(std::optional<Time> wake_at);

  // Nobody takes any more: what is put from now on is dropped.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable taken_;
  std::vector<Event> events_;
  bool closed_ = false;
};

}  // namespace unik::agent
