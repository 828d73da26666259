#include "agent/core/timers.hpp"

#include <algorithm>

namespace unik::agent {

void Timers::set(const InstanceId& id, std::optional<Time> at) {
  const auto found = times_.find(id);
  if (found != times_.end()) {
    if (at && found->second == *at) return;
    queue_.erase({found->second, id});
    times_.erase(found);
  }
  if (!at) return;
  queue_.emplace(*at, id);
  times_.emplace(id, *at);
}

std::vector<InstanceId> Timers::take_due(Time now) {
  std::vector<InstanceId> due;
  while (!queue_.empty() && queue_.begin()->first <= now) {
    due.push_back(queue_.begin()->second);
    times_.erase(due.back());
    queue_.erase(queue_.begin());
  }
  return due;
}

std::optional<Time> Timers::earliest() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.begin()->first;
}

std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace unik::agent
