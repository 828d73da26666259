// What the forwarder is to serve, and which table of it is in force.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "agent/core/instance.hpp"

namespace unik::agent {

// A table without an answer is sent again, well within the time that a stop waits for it (kWithdrawWait).
inline constexpr Duration kAcknowledgeWait = std::chrono::seconds(2);
// One that a port could not be bound for is sent again after a growing wait.
inline constexpr Duration kPublishBackoff = std::chrono::seconds(5);
inline constexpr Duration kPublishMaxBackoff = std::chrono::minutes(1);

// One route for each (app, published port) of the instances that are wanted running; where these disagree on it, the
// newest rollout's word counts. Backends are the serving ones; a route without any keeps its port open. A publication
// without a host port gets the one remembered in `ports`.
std::vector<Route> compose_routes(const Instances& instances, const std::vector<PortRecord>& ports);

// Learns the host ports that were picked, and forgets those that could not be had again or that no route asks for.
std::vector<PortRecord> remember_ports(const std::vector<PortRecord>& ports, const std::vector<Route>& routes,
                                       const std::vector<ObservedPublication>& publications);

// Counts the tables that were sent and acknowledged. One that is not acknowledged, or that a port could not be bound
// for, is sent again after a wait.
class ForwarderTable {
 public:
  // The forwarder outlives the agent, so that its table of before may name any VM that was adopted.
  void assume_listed(const InstanceId& id) { listed_.emplace(id, 0); }

  // Whether a table that names `id` may still be in force.
  bool is_listed(const InstanceId& id) const { return listed_.contains(id); }
  // Whether something is in flight to an instance that has left the table.
  bool is_leaving(const std::string& address) const { return leaving_.contains(address); }

  void mark() { stale_ = true; }
  bool is_due(Time now) const { return stale_ || (send_again_at_ && now >= *send_again_at_); }

  // Whether `routes` have to be sent, and under which version; marks them as sent.
  std::optional<std::uint64_t> send(const std::vector<Route>& routes, Time now);

  // Takes an acknowledgement; returns who has left the table by it, and of whom it is news that nothing is in flight to
  // them any more. Only `newest` ones say what is published.
  struct Acknowledged {
    bool newest = false;
    std::set<InstanceId> left;
    std::set<std::string> quiet;  // addresses
  };
  Acknowledged acknowledged(const Published& published, Time now);

  const std::vector<Route>& sent_routes() const { return sent_routes_; }
  std::optional<Time> wake_at() const { return send_again_at_; }

 private:
  bool stale_ = true;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::vector<Route> sent_routes_;
  std::map<InstanceId, std::uint64_t> listed_;  // the last table that names it
  std::set<std::string> leaving_;               // addresses
  std::uint32_t failures_ = 0;                  // tables in a row that a port could not be bound for
  std::optional<Time> send_again_at_;
};

}  // namespace unik::agent
