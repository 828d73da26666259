#include "agent/controller_link.hpp"

#include <utility>

#include "codec/json.hpp"
#include "codec/signatures_json.hpp"

namespace unik::agent {
namespace {

// The reply of a request that was answered, read; or why there is none.
template <typename Reply>
Result<Reply> read_reply(Result<wire::ClientResponse> response) {
  if (!response.ok()) return std::move(response).error();
  if (!response->ok()) return wire::error_of(*response);
  return codec::from_json<Reply>(response->body);
}

}  // namespace

ControllerLink::ControllerLink(ControllerLinkOptions options, wire::HttpClient& client,
                               std::function<void(Event)> deliver)
    : options_(std::move(options)), client_(client), deliver_(std::move(deliver)) {}

wire::ClientRequest ControllerLink::post(std::string target, std::string body) const {
  wire::ClientRequest request;
  request.method = "POST";
  request.endpoint = options_.controller;
  request.target = std::move(target);
  request.headers = options_.headers;
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  request.connect_timeout = kConnectPatience;
  return request;
}

void ControllerLink::send_register(SendRegister effect) {
  const RegisterRequest message{options_.node, effect.agent_start, options_.labels, options_.info, options_.agent_id};
  wire::ClientRequest request = post("/v1/nodes/register", codec::to_json(message));
  request.total_timeout = kRegisterPatience;
  client_.send(std::move(request), [deliver = deliver_](Result<wire::ClientResponse> response) {
    Result<RegisterReply> reply = read_reply<RegisterReply>(std::move(response));
    if (reply.ok())
      deliver(Registered{std::move(*reply)});
    else
      deliver(LinkFailed{0, std::move(reply).error()});
  });
}

void ControllerLink::send_heartbeat(SendHeartbeat effect) {
  wire::ClientRequest request = post("/v1/nodes/heartbeat", codec::to_json(effect.report));
  request.total_timeout = kHeartbeatPatience;
  const std::uint64_t seq = effect.report.seq;
  client_.send(std::move(request), [deliver = deliver_, seq](Result<wire::ClientResponse> response) {
    Result<HeartbeatReply> reply = read_reply<HeartbeatReply>(std::move(response));
    if (reply.ok())
      deliver(HeartbeatAnswered{seq, std::move(*reply)});
    else
      deliver(LinkFailed{seq, std::move(reply).error()});
  });
}

Result<void> ControllerLink::fetch_blob(const runtimes::Digest& digest, const BlobSink& sink) const {
  wire::ClientRequest request;
  request.endpoint = options_.controller;
  request.target = "/v1/artifacts/" + wire::percent_encode(to_string(digest));
  request.headers = options_.headers;
  request.sink = sink;
  request.total_timeout = Duration::zero();
  request.stall_timeout = kBlobStall;
  const Result<wire::ClientResponse> response = wire::fetch(request);
  if (!response.ok()) return response.error();
  if (!response->ok()) return wire::error_of(*response);
  return {};
}

Result<std::vector<std::string>> ControllerLink::fetch_signatures(const runtimes::Digest& image) const {
  wire::ClientRequest request;
  request.endpoint = options_.controller;
  request.target = "/v1/artifacts/" + wire::percent_encode(to_string(image)) + "/signatures";
  request.headers = options_.headers;
  request.total_timeout = kRegisterPatience;
  const Result<wire::ClientResponse> response = wire::fetch(request);
  if (!response.ok()) return response.error();
  if (!response->ok()) return wire::error_of(*response);
  return codec::read_signatures(response->body);
}

}  // namespace unik::agent
