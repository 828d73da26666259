// The sockets of the published ports: one for each route, open as long as the route stands.
//
// An automatic port is looked for from a place that follows from the route's key, in a range that the kernel gives to
// no outgoing connection by default, so that a route usually finds its old port again even when all memory is lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/forward/fd.hpp"
#include "agent/forward/table.hpp"

namespace unik::agent {

inline constexpr std::uint16_t kFirstAutomaticPort = 20'000;
inline constexpr std::uint16_t kLastAutomaticPort = 31'999;
inline constexpr int kAutomaticPortAttempts = 512;

struct Listener {
  Fd fd;
  std::string bind_address;
  std::uint16_t host_port = 0;
};

class Listeners {
 public:
  explicit Listeners(int backlog) : backlog_(backlog) {}

  // Closes what the table does not name, keeps what fits, opens what is missing.
  TableState apply(const ForwardTable& table);

  // A socket that another process has opened for this route.
  void adopt(const std::string& key, const std::string& bind_address, std::uint16_t host_port, Fd fd);

  const std::map<std::string, Listener>& all() const { return listeners_; }

 private:
  RouteState open(const std::string& bind_address, const ForwardRoute& route);
  std::string describe(int error, const std::string& bind_address, std::uint16_t port) const;

  const int backlog_;
  std::map<std::string, Listener> listeners_;  // by the route's key
};

}  // namespace unik::agent
