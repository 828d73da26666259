// The real controller loop over a journal in memory, which alone survives a crash.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/loop.hpp"
#include "tests/sim/random.hpp"
#include "tests/sim/simulated_builder.hpp"
#include "tests/sim/simulated_journal.hpp"
#include "tests/sim/timeline.hpp"

namespace unik::sim {

class SimulatedController {
 public:
  using OnAnswer = std::function<void(std::optional<controller::Answer>)>;  // empty: the controller went away

  // `forgets`, a planted bug: one that starts does not know what waits for room.
  SimulatedController(Timeline& timeline, Random& random, controller::LoopOptions options, bool forgets = false);

  void start();
  void crash();
  bool is_up() const { return loop_ != nullptr; }
  // The request reaches the controller now. One that is down answers nothing at once.
  void ask(const std::function<controller::Event(controller::RequestId)>& make, OnAnswer on_answer);

  SimulatedJournal& journal() { return journal_; }
  const SimulatedJournal& journal() const { return journal_; }
  const SimulatedBuilder& builder() const { return builder_; }
  const controller::World& durable() const { return journal_.durable(); }
  // As the running loop sees it.
  const controller::World& world() const { return loop_->world(); }
  // Told of each World that readers are to see.
  std::function<void(std::shared_ptr<const controller::World>)> on_publish;
  // Told at the end of a turn that leaves nothing to be done but what time will bring.
  std::function<void()> on_rest;
  // Asked before and after each write of the journal and each reply: true kills the controller at that very point.
  std::function<bool()> dies_here;
  // What did not hold, the journal and the builder apart.
  std::vector<std::string>& broken() { return broken_; }
  std::vector<std::string>& broken_builds() { return builder_.broken(); }

 private:
  void deliver(controller::Event event);
  void turn_soon();
  void turn();
  void carry_out(const controller::Effect& effect);
  void begin_build_now(const controller::BeginBuild& begin);
  bool died();

  Timeline& timeline_;
  const controller::LoopOptions options_;
  const bool forgets_;
  std::unique_ptr<controller::Loop> loop_;
  std::uint64_t life_ = 0;
  std::vector<controller::Event> inbox_;
  bool turn_planned_ = false;
  std::optional<Time> wake_at_;
  std::map<controller::RequestId, OnAnswer> waiting_;
  controller::RequestId last_id_ = 0;
  SimulatedJournal journal_;
  SimulatedBuilder builder_;
  std::vector<std::string> broken_;
};

}  // namespace unik::sim
