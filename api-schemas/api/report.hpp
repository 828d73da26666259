// What a node says it sees: the whole picture, never a delta.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/ids.hpp"
#include "api/instance.hpp"
#include "api/units.hpp"

namespace unik {

struct ObservedInstance {
  InstanceId id;
  InstanceStatus status;

  bool operator==(const ObservedInstance&) const = default;
};

// A port that the node's forwarder serves, or why it does not.
struct ObservedPublication {
  AppName app;
  std::string port_name;
  std::uint16_t port = 0;
  std::string address;          // host address, `127.0.0.1`
  std::uint16_t host_port = 0;  // 0 while it could not be bound
  std::string problem;          // empty when it listens

  bool operator==(const ObservedPublication&) const = default;
};

// The part of a report that changes rarely. A node that has nothing new sends its digest instead.
struct ReportBody {
  std::vector<ObservedInstance> instances;  // every VM of this node, wanted or not, in the order of ids
  std::vector<ObservedPublication> publications;
  Resources used;  // measured on the host

  bool operator==(const ReportBody&) const = default;
};

// `agent_start` grows with each start of the agent, `seq` with each report of one start: a controller drops what is not
// newer than what it has. `accepted_stamp` is that of the goals which the node has stored. Empty `cluster_id`: none
// yet.
struct Report {
  std::string node;
  std::string boot_id;
  std::uint64_t agent_start = 0;
  std::uint64_t seq = 0;
  Stamp accepted_stamp;
  std::uint64_t digest = 0;        // stable hash of the body's JSON
  std::optional<ReportBody> body;  // absent: as in the last report with this digest

  bool operator==(const Report&) const = default;
};

}  // namespace unik
