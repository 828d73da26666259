// Numeric socket addresses and the few socket calls that the forwarder and the prober share.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "agent/forward/fd.hpp"
#include "api/result.hpp"

namespace unik::agent {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// Numeric IPv4 or IPv6; a name is not looked up.
std::optional<SocketAddress> parse_socket_address(const std::string& address, std::uint16_t port);

// `127.0.0.1:80`, `[::1]:80`
std::string format_address(const std::string& address, std::uint16_t port);

// Begins a connection and does not wait for it: the socket is non-blocking and becomes writable when it is decided.
// 0 in `error` means that it is under way or open; otherwise an errno, and no socket.
Fd start_connect(const SocketAddress& address, int& error);

// The pending error of a socket, 0 for none.
int take_socket_error(int fd);

// Makes the next close send a reset, so that the other side does not take a broken stream for a finished one.
void reset_on_close(int fd);

// `connection refused`: the errno as a person reads it.
std::string describe_errno(int error);

}  // namespace unik::agent
