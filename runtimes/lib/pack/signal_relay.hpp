// What ends this process ends the programs that it runs: they are in process groups of their own, which a terminal's
// Ctrl-C or a `kill` of this process alone does not reach.
//
// While a SignalRelay lives, SIGINT, SIGTERM and SIGHUP go to its group instead of ending this process, so that the one
// who waits for the group can clean up and return. Signals for which the process has a handler of its own, or which it
// ignores, are left alone. Whoever owns the process then ends it by the signal, as nobody else may decide that.
#pragma once

#include <sys/types.h>

#include "api/result.hpp"

namespace unik::runtimes {

class SignalRelay {
 public:
  // At most kMaxRelays at once; further ones relay nothing.
  static constexpr int kMaxRelays = 64;

  SignalRelay();
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;

  // From now on signals go to `group`, and one that came since the first relay goes there at once.
  void relay_to(pid_t group);

  // The last signal that was taken for a group, or 0; and how many there were.
  static int signal();
  static int count();
  // For who works on for long without running a program: `unavailable/interrupted` once a signal was taken.
  static Result<void> check_none();

 private:
  int slot_ = -1;
};

}  // namespace unik::runtimes
