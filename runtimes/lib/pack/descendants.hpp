// All that this process has started, directly or not, until it is killed at the end of a scope: also what has left its
// process group and session, as the daemons of build tools do.
//
// For a process that starts nothing but what is to end with the scope; one at a time.
#pragma once

#include <chrono>

#include "runtimes/lib/pack/signal_relay.hpp"

namespace unik::runtimes {

// For how long the dying are waited for.
inline constexpr auto kSweepLimit = std::chrono::seconds(2);

class Descendants {
 public:
  // From here on, what loses its parent below this process becomes its child.
  Descendants();
  // Kills its children, and theirs in turn.
  ~Descendants();
  Descendants(const Descendants&) = delete;
  Descendants& operator=(const Descendants&) = delete;

 private:
  const SignalRelay relay_;  // a signal ends this process after the scope, and not before it has swept
};

}  // namespace unik::runtimes
