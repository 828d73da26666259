// The agent's port to its controller: carries out SendRegister and SendHeartbeat, yields Registered, HeartbeatAnswered
// and LinkFailed; fetches blobs for the ImageStore.
//
// The agent dials in; nothing here listens. A heartbeat is parked by the controller until there is something to say, so
// several may be under way. Retries and their pace are the loop's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/host/image_store.hpp"
#include "agent/ports.hpp"
#include "api/messages.hpp"
#include "wire/http_client.hpp"

namespace unik::agent {

// A heartbeat without an answer for so long is lost: three times as long as a controller parks one by default.
inline constexpr Duration kHeartbeatPatience = std::chrono::seconds(45);
inline constexpr Duration kRegisterPatience = std::chrono::seconds(10);
inline constexpr Duration kConnectPatience = std::chrono::seconds(5);  // a lease waits for the next try
inline constexpr Duration kBlobStall = std::chrono::seconds(30);       // a blob may be of any size, but it must move

struct ControllerLinkOptions {
  wire::Endpoint controller;
  wire::Headers headers;  // such as Authorization
  std::string node;
  Labels labels;
  NodeInfo info;
  std::string agent_id;  // host/identity.hpp
};

class ControllerLink {
 public:
  // `client` must outlive it; `deliver` is called from the client's thread.
  ControllerLink(ControllerLinkOptions options, wire::HttpClient& client, std::function<void(Event)> deliver);

  // Each returns at once.
  void send_register(SendRegister effect);
  void send_heartbeat(SendHeartbeat effect);

  // Blocks; any thread. Errors: those of the client and of the server.
  Result<void> fetch_blob(const runtimes::Digest& digest, const BlobSink& sink) const;
  Result<std::vector<std::string>> fetch_signatures(const runtimes::Digest& image) const;

 private:
  wire::ClientRequest post(std::string target, std::string body) const;

  const ControllerLinkOptions options_;
  wire::HttpClient& client_;
  const std::function<void(Event)> deliver_;
};

}  // namespace unik::agent
