// When which instance is to be looked at again: one time for each id, the earliest first.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "api/ids.hpp"
#include "api/time.hpp"

namespace unik::agent {

class Timers {
 public:
  // Replaces what was set for `id`; nothing clears it.
  void set(const InstanceId& id, std::optional<Time> at);

  // Takes out those that are due.
  std::vector<InstanceId> take_due(Time now);

  std::optional<Time> earliest() const;

 private:
  std::set<std::pair<Time, InstanceId>> queue_;
  std::map<InstanceId, Time> times_;
};

// The earlier of two times, of which either may be never.
std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b);

}  // namespace unik::agent
