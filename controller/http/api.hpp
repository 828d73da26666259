// The controller's HTTP side: translates requests into events for the loop and Worlds into JSON. It decides nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/builds/build_logs.hpp"
#include "controller/http/event_feed.hpp"
#include "controller/http/history_desk.hpp"
#include "controller/http/log_relay.hpp"
#include "controller/http/query.hpp"
#include "controller/http/route.hpp"
#include "controller/metrics/metrics.hpp"
#include "controller/runner.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::controller {

// What the routes need; all of it outlives the server.
struct ApiContext {
  Runner& runner;
  LogRelay& logs;
  EventFeed& events;
  HistoryDesk& history;
  Metrics& metrics;
  runtimes::BlobStore artifacts;
  std::string version;
  BuildLogs& build_logs;
  std::optional<Error> no_builds;  // why this controller builds no sources; none: it does
};

// Every route of openapi.yaml.
std::vector<Route> api_routes(ApiContext& context);

// Its parts.
void add_reading_routes(ApiContext& context, std::vector<Route>& routes);
void add_changing_routes(ApiContext& context, std::vector<Route>& routes);
void add_node_routes(ApiContext& context, std::vector<Route>& routes);
void add_artifact_routes(ApiContext& context, std::vector<Route>& routes);
void add_stream_routes(ApiContext& context, std::vector<Route>& routes);
void add_recovery_routes(ApiContext& context, std::vector<Route>& routes);

// None where the tenant has no operation of this name: those of others are not told of.
const Operation* find_operation(const World& world, const std::string& tenant, const std::string& name);

// Asks the loop for a change and sends its answer.
void ask(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder, int status,
         Mutation mutation);

wire::HttpResponse json_response(int status, std::string body);

}  // namespace unik::controller
