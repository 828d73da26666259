// The network between the agents and their controller. While there are faults it loses, delays and doubles messages as
// chance has it, and carries nothing of a node that is cut off. Each side learns of a loss, as it does from a broken
// connection.
//
// On their way the messages are looked at by the checks, and distorted by the saboteur.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/sim/node_checks.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class Network : public Uplink {
 public:
  Network(SimulatedCluster& cluster, NodeChecks& checks) : cluster_(cluster), checks_(checks) {}

  void send_register(int node, RegisterRequest request, std::uint64_t life) override;
  void send_heartbeat(int node, Report report, std::uint64_t life) override;
  void launched(int on, const InstanceId& id, const BootSpec& boot) override;

  // A planted bug: the nodes get what the record changes for them, before it is durable.
  void send_before_commit(const controller::Record& record);

 private:
  void travel(int node, const std::function<void()>& arrive, const std::function<void()>& lost);
  void back_to_agent(int node, std::uint64_t life, std::uint64_t seq, const std::optional<controller::Answer>& answer);
  agent::Event event_of(int node, std::uint64_t seq, const controller::Answer& answer);
  void count_heartbeat();
  Duration unheard(Symbol node) const;
  void fail_link(int node, std::uint64_t life, std::uint64_t seq);

  SimulatedCluster& cluster_;
  NodeChecks& checks_;
};

}  // namespace unik::sim
