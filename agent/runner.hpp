// Drives the loop: events in from any thread, turns with the real clock, effects out to whoever carries them out.
#pragma once

#include <functional>

#include "agent/inbox.hpp"
#include "agent/loop.hpp"

namespace unik::agent {

// After the last turn its heartbeat has so long to be sent and answered.
inline constexpr Duration kFarewell = std::chrono::milliseconds(500);

class Runner {
 public:
  // `carry_out` is called from run() for each effect, in order; it must not wait.
  Runner(LoopOptions options, std::function<void(Effect)> carry_out);

  // Any thread, also before run(). Ignored once run() has returned.
  void put(Event event) { inbox_.put(std::move(event)); }

  // Until the turn that takes ShutdownAsked has been carried out. The first event put must be the Inventory.
  void run();

 private:
  void say_farewell(std::uint64_t last_seq);

  Loop loop_;
  const std::function<void(Effect)> carry_out_;
  Inbox inbox_;
};

}  // namespace unik::agent
