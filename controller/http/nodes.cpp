#include <utility>

#include "codec/json.hpp"
#include "controller/heartbeats.hpp"
#include "controller/http/api.hpp"

namespace unik::controller {
namespace {

void answer(const wire::Responder& responder, const Answer& answer) {
  if (const auto reply = heartbeat_reply(answer)) {
    responder.send(json_response(200, codec::to_json(*reply)));
  } else if (const auto* const registered = std::get_if<RegisterReply>(&answer)) {
    responder.send(json_response(200, codec::to_json(*registered)));
  } else if (const auto* const error = std::get_if<Error>(&answer)) {
    responder.send(*error);
  }
}

void handle_register(ApiContext& context, wire::HttpRequest request, const wire::Responder& responder) {
  Result<RegisterRequest> message = codec::from_json<RegisterRequest>(request.body);
  if (!message) return responder.send(message.error());
  context.runner.ask(
      [&](RequestId id) {
        return Event(RegisterAsked{id, request.trace_id, std::move(*message)});
      },
      [responder](const Answer& reply) { answer(responder, reply); });
}

void handle_heartbeat(ApiContext& context, wire::HttpRequest request, const wire::Responder& responder) {
  Result<Report> report = codec::from_json<Report>(request.body);
  if (!report) return responder.send(report.error());
  const RequestId id = context.runner.ask(
      [&](RequestId asked) {
        return Event(HeartbeatArrived{asked, std::move(*report)});
      },
      [responder](const Answer& reply) { answer(responder, reply); });
  responder.on_close([&context, id] { context.runner.forget(id); });
}

}  // namespace

void add_node_routes(ApiContext& context, std::vector<Route>& routes) {
  const wire::BodyPolicy body{false, codec::kMaxMessageBytes};
  routes.push_back({"POST",
                    "/v1/nodes/register",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      handle_register(context, std::move(request), responder);
                    },
                    body,
                    {},
                    false,
                    true});
  routes.push_back({"POST",
                    "/v1/nodes/heartbeat",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      handle_heartbeat(context, std::move(request), responder);
                    },
                    body,
                    {},
                    false,
                    true});
}

}  // namespace unik::controller
