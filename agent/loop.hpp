// The agent's loop: goals in, a node that is equal to them out.
//
// It owns no thread, sleep, socket or clock. `turn` takes what happened and the time, and returns what to do; the same
// events at the same times give the same effects, byte for byte. Promises: goals are stored before they are acted on; a
// lower stamp is refused; at most one VM exists for an instance id; a VM that no goal names is reported and left alone
// until an EnsureAbsent names it.
#pragma once

#include <memory>
#include <span>

#include "agent/core/report.hpp"
#include "agent/ports.hpp"

namespace unik::agent {

struct LoopOptions {
  std::string node;
  std::string boot_id;
  std::uint64_t wall_start_us = 0;  // floor for agent_start, so that a lost record does not repeat an old one
  // What Report::digest is: a pure function. The agent sets the codec's `digest_of`; the core's own knows no JSON.
  std::uint64_t (*digest)(const ReportBody& body) = &body_digest;
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

  // How many instances a plan over all of them would move at `now`: none after a turn, since what has changed was
  // planned in it. The tests hold the loop to this.
  std::size_t count_unsettled(Time now) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
