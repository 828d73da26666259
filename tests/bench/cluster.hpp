// A controller with a fleet of nodes that have registered and reported, and an image for apps to name.
#pragma once

#include <filesystem>
#include <string>

#include "api/result.hpp"
#include "fleet.hpp"
#include "process.hpp"
#include "wire/endpoint.hpp"

namespace unik::bench {

struct Cluster {
  Daemon controller;
  Fleet fleet;
  wire::Endpoint endpoint;  // the controller's socket, for requests beside the fleet's
  std::string digest;       // of the image
};

// The controller of `bin`, with its files in `home`. Each of `nodes` has a heartbeat parked when this returns.
Result<Cluster> start_cluster(const std::filesystem::path& bin, const std::filesystem::path& home, std::size_t nodes);

}  // namespace unik::bench
