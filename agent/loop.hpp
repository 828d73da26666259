// The agent's loop: goals in, a node that is equal to them out.
//
// It owns no thread, sleep, socket or clock. `turn` takes what happened and the time, and returns what to do; the same
// events at the same times give the same effects, byte for byte. Promises: goals are stored before they are acted on; a
// lower stamp is refused; at most one VM exists for an instance id; a VM that no goal names is reported and left alone
// until an EnsureAbsent names it.
#pragma once

#include <memory>
#include <span>

#include "agent/ports.hpp"

namespace unik::agent {

struct LoopOptions {
  std::string node;
  std::string boot_id;
  std::uint64_t wall_start_us = 0;  // floor for agent_start, so that a lost record does not repeat an old one
};

class Loop {
 public:
  explicit Loop(LoopOptions options);
  ~Loop();

  // Takes the events in order, then the timers that are due at `now.boot`. The first event of all is an Inventory; what
  // comes before it is dropped.
  Effects turn(Now now, std::span<const Event> events);

  // What the next full report would say.
  ReportBody report_body() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
