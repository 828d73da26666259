#include "wire/request_target.hpp"

#include <algorithm>
#include <optional>

namespace unik::wire {
namespace {

Error bad(std::string message) {
  return invalid("bad_request", "request target: " + std::move(message));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

// Empty when an escape is cut short or no hex.
std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

Result<std::string> decode_path(std::string_view raw) {
  std::string path;
  for (std::string_view rest = raw; !rest.empty();) {
    rest.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const bool last = end == rest.size();
    std::optional<std::string> segment = decode(rest.substr(0, end), false);
    if (!segment) return bad("want %XX with two hex digits");
    if (segment->find('/') != std::string::npos) return bad("a path segment must not hold an escaped '/'");
    if (std::any_of(segment->begin(), segment->end(), is_control)) return bad("control character in the path");
    if (*segment == "." || *segment == ".." || (segment->empty() && !last)) return bad("empty, '.' or '..' segment");
    path += '/';
    path += *segment;
    rest.remove_prefix(end);
  }
  return path;
}

Result<std::map<std::string, std::string>> decode_query(std::string_view raw) {
  std::map<std::string, std::string> query;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> key = decode(pair.substr(0, equals), true);
    std::optional<std::string> value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!key || !value) return bad("want %XX with two hex digits");
    if (!query.emplace(std::move(*key), std::move(*value)).second) return bad("a query key stands twice");
  }
  return query;
}

}  // namespace

Result<RequestTarget> parse_request_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t path_at = target.find('/', scheme.size());
    target = path_at == std::string_view::npos ? std::string_view("/") : target.substr(path_at);
  }
  if (!target.starts_with('/')) return bad("want a path that begins with '/'");
  if (target.find('#') != std::string_view::npos) return bad("a fragment is never sent");
  const std::size_t mark = std::min(target.find('?'), target.size());
  Result<std::string> path = decode_path(target.substr(0, mark));
  if (!path) return std::move(path).error();
  Result<std::map<std::string, std::string>> query = decode_query(target.substr(std::min(mark + 1, target.size())));
  if (!query) return std::move(query).error();
  return RequestTarget{std::move(*path), std::move(*query)};
}

}  // namespace unik::wire
