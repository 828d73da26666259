// The agent's port to the forwarder (forward.hpp): carries out Publish, yields Published.
//
// It connects to the forwarder that runs, or starts one that outlives the agent; replaces one of another build; and
// starts it again with the last table when it dies. One thread, which sleeps while nothing happens. A Published may
// come again with the same version when a port became free, or when an instance that left has answered its last
// request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/ports.hpp"

namespace unik::agent {

struct ForwarderOptions {
  std::string directory;  // see ForwardOptions
  std::string program;    // started as `program forward --directory … --build … --detach`
  std::string build;      // of this program
  std::string bind_address = "127.0.0.1";
  // On which port of an instance's address its guest port answers; the same where this is empty.
  std::function<std::uint16_t(std::uint16_t guest_port)> backend_port;
};

class Forwarder {
 public:
  // `deliver` is called from the forwarder's thread, never from within publish().
  Forwarder(ForwarderOptions options, std::function<void(Event)> deliver);
  ~Forwarder();  // ends the thread; the forwarder process goes on
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Returns at once. A newer table replaces one that was not sent yet; only the newest is answered.
  void publish(Publish table);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
