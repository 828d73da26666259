// Where a server listens or is reached: `http://host:port`, `https://host:port` or `unix:///path/to/socket`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::wire {

enum class Scheme : std::uint8_t { kHttp, kHttps, kUnix };

struct Endpoint {
  Scheme scheme = Scheme::kHttp;
  std::string host;         // a name or an address, IPv6 without brackets; empty for unix
  std::uint16_t port = 0;   // 0: for a listener, any free one
  std::string socket_path;  // absolute; empty unless unix

  bool operator==(const Endpoint&) const = default;
};

inline constexpr std::size_t kMaxSocketPath = 107;  // sun_path less its final NUL

// `unix:///run/x.sock`.
Endpoint unix_endpoint(std::string socket_path);

// Without a port, http means 80 and https 443; one trailing `/` is ignored. Errors: `invalid`/`bad_endpoint` for
// another scheme, a user name, a path or query, a port outside 0 to 65535, or a socket path that is not absolute or has
// more than kMaxSocketPath bytes.
Result<Endpoint> parse_endpoint(std::string_view text);

// The exact reverse; the port always stands.
std::string to_string(const Endpoint& endpoint);

// An endpoint and what is asked of it, such as the `Location` of a registry's answer.
struct Url {
  Endpoint endpoint;
  std::string target;  // path and query as they stand, at least `/`; no fragment

  bool operator==(const Url&) const = default;
};

// http and https only. Errors: `invalid`/`bad_url`.
Result<Url> parse_url(std::string_view text);

// 127.0.0.0/8, ::1 or `localhost`.
bool is_loopback(const Endpoint& endpoint);

// For one path segment or one query value: everything but letters, digits, `-._~` becomes `%XX`.
std::string percent_encode(std::string_view text);

}  // namespace unik::wire
