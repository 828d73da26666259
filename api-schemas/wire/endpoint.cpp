#include "wire/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace unik::wire {
namespace {

constexpr std::size_t kMaxHost = 253;

Error bad_endpoint(std::string_view text, std::string_view why) {
  return invalid("bad_endpoint", "endpoint '" + std::string(text) + "': " + std::string(why) +
                                     "; want http://HOST:PORT, https://HOST:PORT or unix:///PATH");
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

bool is_ipv6(std::string_view host) {
  return host.find(':') != std::string_view::npos && host.size() <= 45 &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
         });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// `host`, `host:port`, `[v6]`, `[v6]:port`. Returns why it is none, or an empty view.
std::string_view read_authority(std::string_view text, Endpoint& endpoint) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return "the address lacks its ']'";
    endpoint.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!is_ipv6(endpoint.host)) return "want an IPv6 address between the brackets";
    if (!rest.empty() && rest.front() != ':') return "want ':PORT' after ']'";
  } else {
    const std::size_t colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
    if (!is_host(endpoint.host)) return "want a host name or address (IPv6 in brackets)";
  }
  if (rest.empty()) return {};
  const std::optional<std::uint16_t> port = parse_port(rest.substr(1));
  if (!port) return "want a port of 0 to 65535";
  endpoint.port = *port;
  return {};
}

}  // namespace

Endpoint unix_endpoint(std::string socket_path) {
  return {Scheme::kUnix, "", 0, std::move(socket_path)};
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  std::string_view rest = text;
  if (take_prefix(rest, "unix://")) {
    if (!rest.starts_with('/')) return bad_endpoint(text, "the socket's path must be absolute");
    if (rest.size() > kMaxSocketPath)
      return bad_endpoint(text, "a socket's path has at most " + std::to_string(kMaxSocketPath) + " bytes");
    if (rest.find('\0') != std::string_view::npos) return bad_endpoint(text, "the socket's path holds a NUL");
    return unix_endpoint(std::string(rest));
  }
  Endpoint endpoint;
  if (take_prefix(rest, "https://")) {
    endpoint.scheme = Scheme::kHttps;
    endpoint.port = 443;
  } else if (take_prefix(rest, "http://")) {
    endpoint.port = 80;
  } else {
    return bad_endpoint(text, "unknown scheme");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#") != std::string_view::npos) return bad_endpoint(text, "it has a path or query");
  if (rest.find('@') != std::string_view::npos) return bad_endpoint(text, "it has a user name; use a token instead");
  const std::string_view why = read_authority(rest, endpoint);
  if (!why.empty()) return bad_endpoint(text, why);
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.scheme == Scheme::kUnix) return "unix://" + endpoint.socket_path;
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  std::string text = endpoint.scheme == Scheme::kHttps ? "https://" : "http://";
  text += v6 ? "[" + endpoint.host + "]" : endpoint.host;
  return text + ":" + std::to_string(endpoint.port);
}

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&] {
    return invalid("bad_url", "url '" + std::string(text) + "': want http(s)://HOST[:PORT]/PATH");
  };
  if (!text.starts_with("http://") && !text.starts_with("https://")) return bad();
  const std::string_view whole = text.substr(0, text.find('#'));
  if (std::any_of(whole.begin(), whole.end(), [](char c) { return c <= ' ' || c == 0x7f; })) return bad();
  const std::size_t host_at = whole.find("//") + 2;
  const std::size_t target_at = std::min(whole.find_first_of("/?", host_at), whole.size());
  Result<Endpoint> endpoint = parse_endpoint(whole.substr(0, target_at));
  if (!endpoint) return bad();
  Url url{std::move(*endpoint), std::string(whole.substr(target_at))};
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

bool is_loopback(const Endpoint& endpoint) {
  if (endpoint.scheme == Scheme::kUnix) return false;
  if (endpoint.host == "localhost" || endpoint.host == "::1") return true;
  return endpoint.host.starts_with("127.") && endpoint.host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace unik::wire
