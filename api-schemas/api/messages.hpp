// The messages between agent and controller, as values. The agent dials in; the controller only ever answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/report.hpp"
#include "api/resource.hpp"

namespace unik {

// What a node is made of, read from the host.
struct NodeInfo {
  Resources capacity;
  std::string platform;            // `linux/amd64`
  std::string accelerator;         // `kvm` or `tcg`
  std::string accelerator_reason;  // why not the better one; empty when it is the better one
  std::string vmm_version;         // `QEMU 7.2.18`
  std::string agent_version;
  std::string boot_id;  // of the host's kernel
  Bytes overhead;       // host memory that one VM takes beside the guest's RAM

  bool operator==(const NodeInfo&) const = default;
};

// POST /v1/nodes/register. Idempotent; the newest `agent_start` of a node is the one that counts, and a late message of
// an older one changes nothing. `node_name_taken`: an agent of another `agent_id` reports for this node, or did until
// so recently that it may still run what the node is to run.
struct RegisterRequest {
  std::string node;
  std::uint64_t agent_start = 0;
  Labels labels;  // given on the agent's command line; those of a manifest win
  NodeInfo info;
  std::string agent_id;  // made once for an agent's state directory: 1 to 64 of `0-9a-f-`

  bool operator==(const RegisterRequest&) const = default;
};

struct RegisterReply {
  std::string cluster_id;
  Duration heartbeat_every = std::chrono::seconds(10);
  // Not registered: a start of this node's agent with at least the same number is known. An agent that has never been
  // registered since its start has an old record or an old clock: it begins again above this. 0: registered.
  std::uint64_t newer_start = 0;
  bool newer_is_silent = false;  // that start has not reported for so long that an older one may begin again above it

  bool operator==(const RegisterReply&) const = default;
};

enum class LogSelect : std::uint8_t { kCurrent, kPrevious };

// Which lines of an instance's console. `since` is exclusive of nothing: a line at that very time is included.
struct LogQuery {
  LogSelect select = LogSelect::kCurrent;
  std::optional<std::uint64_t> tail;  // at most this many last lines
  std::optional<WallTime> since;
  bool follow = false;
  bool timestamps = false;

  bool operator==(const LogQuery&) const = default;
};

// The controller asks a node to push an instance's console to POST /v1/nodes/{node}/logs/{stream_id}. Asked again with
// every reply until the push has begun; the agent starts one push for each `stream_id`, ever.
struct LogRequest {
  std::string stream_id;
  InstanceId id;
  LogQuery query;

  bool operator==(const LogRequest&) const = default;
};

// The answer to POST /v1/nodes/heartbeat, whose body is a Report. It is parked until there is something to say, a newer
// heartbeat of the node arrives, or `next_in` of the reply before has passed.
struct HeartbeatReply {
  std::optional<Goals> goals;  // absent: there are no newer ones, or they are held back
  // The newest heartbeat of this start with which the node's goals were the newest there are: the leases of its strict
  // singletons count from its sending (lease.hpp). 0: none was.
  std::uint64_t renew = 0;
  bool want_body = false;      // the digest is unknown here: send the whole report next
  bool want_register = false;  // this controller does not know this start of the agent
  std::vector<LogRequest> logs;
  Duration next_in = std::chrono::seconds(10);  // when to send the next one at the latest, jitter included

  bool operator==(const HeartbeatReply&) const = default;
};

}  // namespace unik
