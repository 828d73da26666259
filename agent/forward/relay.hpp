// The forwarder's connections: each accepted client is given a backend and relayed to it until both directions ended.
//
// No thread and no clock of its own: the server (server.hpp) waits on the epoll descriptor that it was given and calls
// ready() of what woke, then run(). Sockets are registered edge-triggered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/forward/forward.hpp"
#include "agent/forward/socket.hpp"
#include "agent/forward/splice.hpp"
#include "agent/forward/table.hpp"
#include "api/time.hpp"

namespace unik::agent {

// What epoll hands back.
class Watched {
 public:
  virtual void ready(std::uint32_t events, Time now) = 0;

 protected:
  ~Watched() = default;
};

// An answer may pause for so long; then the connection counts as one that waits for its client.
inline constexpr Duration kQuiet = std::chrono::seconds(1);

class Relay {
 public:
  struct Waiting {
    std::string key;
    int client = -1;
  };

  Relay(int epoll, ForwardLimits limits);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // New backends serve new connections and those that wait; connections to backends that are gone go on. Those that
  // wait for a route that is gone are closed.
  void set_routes(const std::vector<ForwardRoute>& routes, Time now);

  // Backends that left the table with something in flight, sorted: a client's bytes that were not answered, an answer
  // of less than kQuiet ago, or bytes that a receiver does not take. One that has been quiet once is out for good.
  const std::vector<ForwardBackend>& leaving() const { return leaving_; }

  // Takes an accepted, non-blocking client of the route `key`.
  void add(const std::string& key, Fd client, Time now);

  // Once after each batch of ready(): goes on with what used up its turn, expires what is due, frees what is closed.
  void run(Time now);
  // When run() must be called again even if nothing wakes; `now` itself when there is work left.
  std::optional<Time> wake_at(Time now) const;

  std::size_t size() const { return size_; }
  bool full() const { return size_ >= limits_.connections; }

  // Clients that have no backend are offered to a successor and left alone, until it has taken them or has failed.
  std::vector<Waiting> offer_waiting();
  void offer_taken();
  void offer_failed(Time now);

 private:
  struct Target;
  struct RouteEntry;
  struct Connection;
  struct Side;
  using Queue = std::list<Connection*>;

  void seek(Connection& connection, Time now);
  Target* choose(const Connection& connection, Time now) const;
  void park(Connection& connection, Time now);
  void attempt_failed(Connection& connection, Time now);
  void client_ready(Connection& connection, std::uint32_t events, Time now);
  void server_ready(Connection& connection, Time now);
  void pump(Connection& connection, Time now);
  void leave_queue(Connection& connection);
  void enter_queue(Connection& connection, Queue& queue);
  static bool is_in_flight(const Connection& connection, Time now);
  void look_at_leaving(Time now);
  bool watch(Side& side);
  void close(Connection& connection, bool reset);

  const int epoll_;
  const ForwardLimits limits_;
  PipePool pool_;
  std::map<std::string, std::shared_ptr<RouteEntry>> routes_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::size_t size_ = 0;
  Queue parked_;      // no backend answered; in the order in which they give up
  Queue connecting_;  // in the order of their attempts' deadlines
  Queue turn_used_;   // have more to move
  Queue offered_;
  std::vector<std::shared_ptr<Target>> left_;  // with something in flight when they were last looked at
  std::vector<ForwardBackend> leaving_;        // their backends
  Time look_at_{};
  std::optional<Time> retry_at_;
  std::list<std::unique_ptr<Connection>> closed_;  // freed once no event can name them
};

}  // namespace unik::agent
