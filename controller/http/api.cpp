#include "controller/http/api.hpp"

#include <utility>

namespace unik::controller {

wire::HttpResponse json_response(int status, std::string body) {
  wire::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

std::vector<Route> api_routes(ApiContext& context) {
  std::vector<Route> routes;
  add_reading_routes(context, routes);
  add_changing_routes(context, routes);
  add_node_routes(context, routes);
  add_artifact_routes(context, routes);
  add_stream_routes(context, routes);
  add_recovery_routes(context, routes);
  return routes;
}

}  // namespace unik::controller
