// One agent: all its ports, made and connected, and the loop that drives them.
#pragma once

#include <functional>
#include <string>

#include "api/resource.hpp"
#include "api/result.hpp"
#include "wire/endpoint.hpp"
#include "wire/http_message.hpp"

namespace unik::agent {

struct AgentOptions {
  wire::Endpoint controller;
  wire::Headers headers;  // of each request to it, such as Authorization
  std::string node;
  Labels labels;
  std::string state_dir;  // absolute; one agent at a time
  std::string publish_address = "127.0.0.1";
  std::string qemu = "qemu-system-x86_64";
  bool restrict_network = false;  // guests reach nothing, they are only reached
  Bytes image_cache;              // the bound of the images that are kept
  std::string version;
  std::string program;  // this program's path, to start the forwarder
};

// Runs until `wait_for_end` returns, which is called once, on a thread of its own, after all is up. VMs and published
// ports go on after it. Errors: `conflict`/`agent_runs` when another agent holds the state directory, `unavailable` and
// `not_found` when the host lacks something, `internal`/`corrupt_record`.
Result<void> run_agent(const AgentOptions& options, const std::function<void()>& wait_for_end);

}  // namespace unik::agent
