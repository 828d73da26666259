// Takes nodes' reports into the World, and parks each heartbeat until there is something to tell its node.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "controller/log_sessions.hpp"
#include "controller/ports.hpp"

namespace unik::controller {

// What an agent is told whose node has a newer one.
Error superseded_agent(const std::string& node);

// What answers a heartbeat, its goals included; empty for any other answer. Any thread.
std::optional<HeartbeatReply> heartbeat_reply(const Answer& answer);

class Heartbeats {
 public:
  // `loaded`: the last record that was there when this controller started.
  Heartbeats(Duration every, std::uint64_t loaded) : every_(every), loaded_(loaded) {}

  // Answers at once or parks the request; names in `dirty` the node whose report says something new.
  void arrive(World& world, const HeartbeatArrived& event, Time now, LogSessions& logs, Dirty& dirty, Effects& effects);

  // Tells those of `nodes` that wait what there is to tell them.
  void wake(const World& world, const std::set<Symbol>& nodes, LogSessions& logs, Effects& effects);

  // Releases what has waited long enough, and names the nodes that have been silent for too long.
  void pass_time(const World& world, Time now, Dirty& dirty, Effects& effects);

  // The client of a parked request went away.
  void forget(RequestId id);

  std::optional<Time> next_deadline() const;

 private:
  struct Parked {
    RequestId id = 0;
    std::uint64_t seq = 0;
    Stamp accepted;
    Time until;
    std::optional<Duration> next_in;  // the first of a node: when its next one is due, so that nodes are spread
  };

  // All but the goals.
  HeartbeatReply answer(const World& world, Symbol node, const Stamp& accepted, std::uint64_t seq,
                        LogSessions& logs) const;
  // `renew`: a newer heartbeat of the same start that renews the node's leases, 0 where none does.
  void release(const World& world, Symbol node, std::uint64_t renew, Effects& effects);
  bool shows_lost_history(const World& world, Symbol node, const Stamp& accepted) const;
  std::shared_ptr<const World> tables_of(const World& world);

  Duration every_;
  std::uint64_t loaded_;
  std::set<Symbol> heard_;     // since this controller started
  std::set<Symbol> to_place_;  // came back, and have not waited since
  std::map<Symbol, Parked> parked_;
  std::set<std::pair<Time, Symbol>> park_deadlines_;
  std::set<std::pair<Time, Symbol>> silence_;  // one entry a node, looked at again when it is due
  std::set<Symbol> watched_;
  std::shared_ptr<const World> tables_;  // what this turn's goals are made of; empty between two turns
};

}  // namespace unik::controller
