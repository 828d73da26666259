// Which handler answers which request. The table of routes is data, so that a test can hold it against openapi.yaml.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/http_server.hpp"

namespace unik::controller {

// The values of the `{…}` in a pattern.
using PathValues = std::map<std::string, std::string>;

// What a parameter of a request's target may be: any text, the name of something, `0` or `1`, or a whole number.
enum class QueryRule : std::uint8_t { kText, kName, kFlag, kNumber };
using QueryRules = std::map<std::string, QueryRule>;

struct Route {
  std::string method;
  std::string pattern;  // `/v1/apps/{name}`
  std::function<void(const PathValues&, wire::HttpRequest, wire::Responder)> handle;
  wire::BodyPolicy body;
  QueryRules query;      // all the parameters that it knows
  bool streams = false;  // its answer may go on for as long as somebody reads it: not asked for by HEAD
  bool takes_body = false;
};

// Fails with `invalid`/`bad_query` for a parameter that the route does not know, or whose value is not what it takes.
Result<void> check_query(const Route& route, const wire::HttpRequest& request);

// Fails with `invalid`/`bad_body` for a body that the route would not read; an empty JSON object says nothing either.
Result<void> check_body(const Route& route, const wire::HttpRequest& request);

class Router {
 public:
  explicit Router(std::vector<Route> routes);

  const std::vector<Route>& routes() const { return routes_; }

  // None where the path is in no pattern, or has no such method. HEAD is answered as GET is, where it has no route of
  // its own: the server leaves the body out.
  const Route* find(std::string_view method, std::string_view path) const;

  // Answers 404 for a path that is in no pattern, 405 for one that has no such method, 400 for what `check_query` or
  // `check_body` refuses, 403 for what `check_browser` does.
  void handle(wire::HttpRequest request, wire::Responder responder) const;
  wire::BodyPolicy body_policy(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;  // literal patterns before those with `{…}`
};

}  // namespace unik::controller
