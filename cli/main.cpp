// unikctl: the command line of the control plane.
#include <signal.h>

#include <string>
#include <vector>

#include "cli/program.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "wire/last_resort.hpp"

int main(int argc, char** argv) {
  const int code = unik::wire::with_last_resort([&] {
    const std::vector<std::string> args(argv + 1, argv + argc);
    const unik::cli::Environment environment = unik::cli::read_environment();
    return unik::cli::run(args, environment, unik::cli::read_terminal(environment));
  });
  // A build was interrupted and has cleaned up: end as the signal would have, which shells look for.
  if (const int signal = unik::runtimes::SignalRelay::signal(); signal != 0) ::raise(signal);
  return code;
}
