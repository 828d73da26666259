#include "agent/forward/listeners.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/forward/socket.hpp"
#include "api/stable_hash.hpp"

namespace unik::agent {
namespace {

Fd listen_on(const SocketAddress& address, int backlog, int& error) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  if (fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      ::bind(fd.get(), address.get(), address.size) == 0 && ::listen(fd.get(), backlog) == 0)
    return fd;
  error = errno;
  return {};
}

}  // namespace

std::string Listeners::describe(int error, const std::string& bind_address, std::uint16_t port) const {
  const std::string place = format_address(bind_address, port);
  if (error == EADDRINUSE) {
    for (const auto& [key, listener] : listeners_)
      if (listener.host_port == port && listener.bind_address == bind_address)
        return place + " is already published for " + key + "; choose another host port";
    return place + " is in use by another program; stop it or choose another host port";
  }
  if (error == EACCES)
    return place + " needs the right to bind ports below 1024 (CAP_NET_BIND_SERVICE); choose a higher host port";
  if (error == EADDRNOTAVAIL) return bind_address + " is no address of this host";
  return place + ": " + describe_errno(error);
}

RouteState Listeners::open(const std::string& bind_address, const ForwardRoute& route) {
  RouteState state{route.key, 0, {}};
  const bool automatic = route.host_port == 0;
  constexpr std::uint16_t kRange = kLastAutomaticPort - kFirstAutomaticPort + 1;
  const std::uint64_t start = stable_hash(route.key);
  for (int attempt = 0; attempt < (automatic ? kAutomaticPortAttempts : 1); ++attempt) {
    const auto step = static_cast<std::uint64_t>(attempt);
    const std::uint16_t port =
        automatic ? static_cast<std::uint16_t>(kFirstAutomaticPort + (start + step) % kRange) : route.host_port;
    const auto address = parse_socket_address(bind_address, port);
    if (!address) {
      state.problem = "want a numeric bind address, got `" + bind_address + "`";
      return state;
    }
    int error = 0;
    if (Fd fd = listen_on(*address, backlog_, error)) {
      adopt(route.key, bind_address, port, std::move(fd));
      state.host_port = port;
      state.problem.clear();
      return state;
    }
    state.problem = describe(error, bind_address, port);
    if (error != EADDRINUSE) return state;
  }
  return state;
}

TableState Listeners::apply(const ForwardTable& table) {
  std::map<std::string, Listener> kept;
  for (const ForwardRoute& route : table.routes) {
    const auto found = listeners_.find(route.key);
    if (found == listeners_.end() || found->second.bind_address != table.bind_address) continue;
    if (route.host_port == 0 || route.host_port == found->second.host_port) kept.insert(listeners_.extract(found));
  }
  // A port that moves from one route to another takes its socket along: nobody is refused meanwhile.
  for (const ForwardRoute& route : table.routes) {
    const auto moved = std::ranges::find_if(listeners_, [&](const auto& entry) {
      return route.host_port != 0 && entry.second.host_port == route.host_port &&
             entry.second.bind_address == table.bind_address;
    });
    if (moved == listeners_.end() || kept.contains(route.key)) continue;
    auto node = listeners_.extract(moved);
    node.key() = route.key;
    kept.insert(std::move(node));
  }
  listeners_ = std::move(kept);

  TableState state{table.version, {}};
  for (const ForwardRoute& route : table.routes) {
    const auto found = listeners_.find(route.key);
    state.routes.push_back(found != listeners_.end() ? RouteState{route.key, found->second.host_port, {}}
                                                     : open(table.bind_address, route));
  }
  return state;
}

void Listeners::adopt(const std::string& key, const std::string& bind_address, std::uint16_t host_port, Fd fd) {
  listeners_[key] = Listener{std::move(fd), bind_address, host_port};
}

}  // namespace unik::agent
