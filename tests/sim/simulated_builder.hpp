// A simulated builder: a build takes a while of simulated time, comes out well or not as its source says, and ends with
// the controller that began it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/ports.hpp"
#include "tests/sim/timeline.hpp"

namespace unik::sim {

// `sha256:` and 64 times the digit; one that is odd cannot be built.
std::string source_of(std::uint64_t number);

class SimulatedBuilder {
 public:
  SimulatedBuilder(Timeline& timeline, std::function<void(controller::Event)> post);

  void begin(const controller::BeginBuild& begin);
  void end(const controller::EndBuild& end);
  // With the controller.
  void crash();

  std::uint64_t begun() const { return begun_; }
  std::uint64_t ended() const { return ended_; }  // that were answered
  std::vector<std::string>& broken() { return broken_; }

 private:
  Timeline& timeline_;
  const std::function<void(controller::Event)> post_;
  std::optional<controller::OperationKey> current_;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace unik::sim
