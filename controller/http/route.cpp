#include "controller/http/route.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "api/check.hpp"
#include "api/ids.hpp"
#include "controller/http/browser.hpp"

namespace unik::controller {
namespace {

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  return segment;
}

std::optional<PathValues> match(std::string_view pattern, std::string_view path) {
  PathValues values;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view found = take_segment(path);
    if (wanted.starts_with('{')) {
      if (found.empty()) return std::nullopt;
      values.emplace(wanted.substr(1, wanted.size() - 2), found);
    } else if (wanted != found) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return values;
}

std::string_view wanted_of(QueryRule rule) {
  switch (rule) {
    case QueryRule::kText:
      return "a text";
    case QueryRule::kName:
      return "a name of 1 to 63 characters a-z, 0-9 and `-`";
    case QueryRule::kFlag:
      return "0 or 1";
    case QueryRule::kNumber:
      return "a whole number";
  }
  UNIK_CHECK(false, "a rule outside the enumeration");
}

bool follows(QueryRule rule, std::string_view value) {
  switch (rule) {
    case QueryRule::kText:
      return true;
    case QueryRule::kName:
      return is_dns_label(value);
    case QueryRule::kFlag:
      return value == "0" || value == "1";
    case QueryRule::kNumber: {
      std::uint64_t number = 0;
      const char* const last = value.data() + value.size();
      const auto [end, problem] = std::from_chars(value.data(), last, number);
      return problem == std::errc() && end == last;
    }
  }
  UNIK_CHECK(false, "a rule outside the enumeration");
}

wire::HttpResponse method_not_allowed(const wire::HttpRequest& request, const std::string& allowed) {
  wire::HttpResponse response = wire::error_response(
      invalid("method_not_allowed", "want " + allowed + " for " + request.path + ", got " + request.method),
      request.trace_id);
  response.status = 405;
  response.headers.add("Allow", allowed);
  return response;
}

}  // namespace

// What is not understood could be what was meant to keep a request from doing harm: `dry-run=1`.
Result<void> check_query(const Route& route, const wire::HttpRequest& request) {
  for (const auto& [name, value] : request.query) {
    const auto known = route.query.find(name);
    if (known == route.query.end()) {
      std::string names;
      for (const auto& [other, rule] : route.query) names += (names.empty() ? "" : ", ") + other;
      return invalid("bad_query",
                     request.path + " has no parameter `" + name + "`: it takes " + (names.empty() ? "none" : names));
    }
    if (!follows(known->second, value))
      return invalid("bad_query",
                     "want " + std::string(wanted_of(known->second)) + " as `" + name + "`, got `" + value + "`");
  }
  return {};
}

Result<void> check_body(const Route& route, const wire::HttpRequest& request) {
  if (route.takes_body || request.body.empty() || request.body == "{}") return {};
  return invalid("bad_body", request.method + " " + request.path + " takes no body, got " +
                                 std::to_string(request.body.size()) +
                                 " bytes: what it can be told stands in the query");
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::stable_partition(routes_.begin(), routes_.end(),
                        [](const Route& route) { return route.pattern.find('{') == std::string::npos; });
}

const Route* Router::find(std::string_view method, std::string_view path) const {
  const auto found = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.method == method && match(route.pattern, path);
  });
  if (found != routes_.end()) return &*found;
  const Route* const whole = method == "HEAD" ? find("GET", path) : nullptr;
  return whole != nullptr && !whole->streams ? whole : nullptr;
}

void Router::handle(wire::HttpRequest request, wire::Responder responder) const {
  if (const Result<void> checked = check_browser(request); !checked) return responder.send(checked.error());
  if (const Route* const route = find(request.method, request.path)) {
    for (const auto check : {check_query, check_body})
      if (const Result<void> checked = check(*route, request); !checked) return responder.send(checked.error());
    const PathValues values = *match(route->pattern, request.path);
    return route->handle(values, std::move(request), std::move(responder));
  }
  std::string allowed;
  for (const char* const method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
    if (find(method, request.path) != nullptr) allowed += (allowed.empty() ? "" : ", ") + std::string(method);
  if (!allowed.empty()) return responder.send(method_not_allowed(request, allowed));
  responder.send(not_found("no_such_route", "there is no " + request.path + " in this API"));
}

wire::BodyPolicy Router::body_policy(std::string_view method, std::string_view path) const {
  for (const Route& route : routes_)
    if (route.method == method && match(route.pattern, path)) return route.body;
  return {};
}

}  // namespace unik::controller
