// Many nodes in one thread, as the controller sees them: they register, park heartbeats, accept goals and report what
// they were asked to run as running. Nothing runs. They speak real HTTP over kept connections, which they share as a
// proxy's clients would: a connection carries one request at a time, whoever's it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "wire/endpoint.hpp"

namespace unik::bench {

class Fleet {
 public:
  // Registers `nodes` nodes `node-0` ... with room for all that a benchmark asks for.
  static Result<Fleet> start(const wire::Endpoint& endpoint, std::size_t nodes);
  Fleet(Fleet&&) noexcept;
  ~Fleet();

  // Opens `count` connections, asks one thing on each and keeps them.
  Result<void> connect(std::size_t count);

  // Follows goals until `instances` are reported as running and each node's newest heartbeat is parked.
  Result<void> settle(std::size_t instances);

  // Sends `count` heartbeats that say nothing new; `whole`: with the body, not only its digest. Each one releases the
  // one of its node that is parked, so as many are answered. Of at least 512 nodes: fewer would overtake themselves.
  Result<void> beat(std::size_t count, bool whole);

  // The same number of requests that need no loop, over the same connections: what HTTP alone takes.
  Result<void> ping(std::size_t count);

  // Every node sends one heartbeat each `every_s`, evenly spread, for `seconds`. How many were sent.
  Result<std::size_t> rest(double seconds, double every_s);

 private:
  struct Impl;
  explicit Fleet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace unik::bench
