// The agent's port to health checks: carries out ProbeHealth, yields ProbeDone.
//
// One thread and one epoll for all probes; at most `at_once` are under way, the others wait in order and their timeout
// runs from their own start. An HTTP probe is `GET path` that must answer 200 to 399; a redirect is not followed. A TCP
// probe must connect and stay connected for a moment, and where the network accepts on the guest's behalf, as
// user-mode networking does, the guest itself must have taken the connection up. The detail is a sentence for a person:
// `GET /healthz answered 503`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "agent/ports.hpp"

namespace unik::agent {

inline constexpr std::size_t kProbesWaiting = 65'536;  // beyond it a probe fails at once

struct ProberOptions {
  std::size_t at_once = 256;
  Duration tcp_settle = std::chrono::milliseconds(100);  // at most half of the probe's timeout
  // Whether the guest has taken up a connection to its port; `answer` comes once, or never, from any thread, nullopt
  // where it cannot be told. Empty: who accepts is the guest.
  using Answer = std::function<void(std::optional<bool>)>;
  std::function<void(const InstanceId&, std::uint16_t guest_port, Answer answer)> guest_accepts;
  // On which port of an instance's address its guest port answers; the same where this is empty.
  std::function<std::uint16_t(std::uint16_t guest_port)> backend_port;
};

class Prober {
 public:
  // `deliver` is called from the prober's thread, once for each probe.
  Prober(ProberOptions options, std::function<void(Event)> deliver);
  ~Prober();  // probes under way are dropped
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Returns at once.
  void probe(ProbeHealth request);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent
