// `unik-agent forward`: the process that owns a node's published ports.
//
// It accepts, chooses a backend (fewest open connections, in turn among equals) and splices bytes both ways inside the
// kernel. It holds no policy: its whole table comes over a unix socket, and it keeps the last one on disk, so that it
// outlives the agent and comes back by itself after it was killed. A second one started on the same directory takes
// over: it gets the table and the listening sockets from the first, which then serves its open connections to their end
// and goes. No connection is refused meanwhile.
//
// A connection whose route has no backend that answers waits `no_backend_wait`, then is closed: a rolling replacement
// or a restart in place shorter than that loses no request. A backend that left the table keeps the connections it has,
// and the agent is told until nothing is in flight on them. A successor does not know of its predecessor's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"

namespace unik::agent {

struct ForwardLimits {
  std::size_t connections = 10'000;  // beyond it new ones wait in the kernel's queue; fewer if descriptors are scarce
  int backlog = 1024;                // of each published port
  Duration connect_timeout = std::chrono::seconds(1);        // of one attempt at one backend
  Duration no_backend_wait = std::chrono::seconds(5);        // then the client's connection is closed
  Duration retry_backends = std::chrono::milliseconds(100);  // how soon refused backends are tried again
  Duration retry_listen = std::chrono::seconds(5);           // how soon a port that was taken is tried again
};

struct ForwardOptions {
  std::string directory;  // holds `forward.sock`, `forward.table`, `forward.lock`; created, mode 0700
  std::string build;      // answered to kHello; the agent replaces a forwarder whose build is not its own
  bool detach = false;    // go on in the background, in a session of its own, once ready
  ForwardLimits limits;
};

inline constexpr std::string_view kForwardSocket = "forward.sock";

// `--directory DIR --build BUILD [--detach]`: what follows `unik-agent forward` on a command line, and back.
std::vector<std::string> forward_arguments(const ForwardOptions& options);
Result<ForwardOptions> parse_forward_arguments(std::span<const std::string> arguments);

// Serves until a successor took over and the last connection ended, or until the table is empty and nobody is
// connected. Returns the process's exit code; a reason that it could not start is printed on stderr. With `detach` it
// returns 0 in the caller as soon as the background process accepts connections. Call it before any thread is started.
int forward_main(const ForwardOptions& options);

}  // namespace unik::agent
