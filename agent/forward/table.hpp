// What the agent tells the forwarder and what it hears back, as values, and their JSON.
//
// The table is always sent whole and replaces the one before; the same JSON is the forwarder's memory on disk. A field
// that a forwarder of another release does not know is ignored by it, so that an agent may be newer than the forwarder
// that outlived the agent before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"

namespace unik::agent {

// Where one healthy instance is reached from the host.
struct ForwardBackend {
  std::string address;  // numeric, `127.83.4.9`
  std::uint16_t port = 0;

  auto operator<=>(const ForwardBackend&) const = default;
};

// One published port. `key` names it for good (`tenant/app/port_name`): a listener lives as long as its key does.
struct ForwardRoute {
  std::string key;
  std::uint16_t host_port = 0;  // 0: the forwarder picks one and keeps it
  std::vector<ForwardBackend> backends;

  bool operator==(const ForwardRoute&) const = default;
};

struct ForwardTable {
  std::uint64_t version = 0;
  std::string bind_address = "127.0.0.1";  // numeric, IPv4 or IPv6
  std::vector<ForwardRoute> routes;

  bool operator==(const ForwardTable&) const = default;
};

// What became of one route: it listens on `host_port`, or `problem` says why it does not.
struct RouteState {
  std::string key;
  std::uint16_t host_port = 0;  // 0 while nothing listens
  std::string problem;

  bool operator==(const RouteState&) const = default;
};

struct TableState {
  std::uint64_t version = 0;
  std::vector<RouteState> routes;         // in the table's order
  std::vector<ForwardBackend> leaving{};  // no longer in the table, and with something in flight (Relay::leaving)

  bool operator==(const TableState&) const = default;
};

// A message on the forwarder's unix socket. Agent to forwarder: kHello, kTable; successor to forwarder: kHandover, then
// kTaken once it has everything. Forwarder to agent: kHello (answer) and kState (answer to kTable, and again whenever a
// listener's problem went away or who is leaving changed). Forwarder to successor: kListeners, as many as it takes,
// each with file descriptors.
enum class ForwardKind : std::uint8_t { kHello, kTable, kState, kHandover, kListeners, kTaken };

struct ForwardMessage {
  ForwardKind kind = ForwardKind::kHello;
  std::string build{};                     // kHello: which build of the program the forwarder is
  ForwardTable table{};                    // kTable; kListeners: with the picked ports filled in
  TableState state{};                      // kState
  std::vector<std::string> listeners{};    // kListeners: keys, one for each of the first descriptors sent with it
  std::vector<std::string> connections{};  // kListeners: keys of accepted connections that wait for a backend: the rest
  bool last = true;                        // kListeners: no further one follows

  bool operator==(const ForwardMessage&) const = default;
};

std::string encode_forward_message(const ForwardMessage& message);
Result<ForwardMessage> parse_forward_message(std::string_view json);

}  // namespace unik::agent
