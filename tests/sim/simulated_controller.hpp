// The real controller loop over a disk in memory. The journal and the tables survive a crash, nothing else does.
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
#include "tests/sim/timeline.hpp"

namespace unik::sim {

class SimulatedController {
 public:
  using OnAnswer = std::function<void(std::optional<controller::Answer>)>;  // empty: the controller went away

  SimulatedController(Timeline& timeline, Random& random, controller::LoopOptions options);

  void start();
  // A commit under way is on disk or not, as chance has it.
  void crash();
  bool is_up() const { return loop_ != nullptr; }
  // Copies the store aside, and puts the copy back while the controller is down: a restored backup.
  void copy_store();
  void restore_store();
  void set_disk_failing(bool failing) { disk_failing_ = failing; }

  // The request reaches the controller now. One that is down answers nothing at once.
  void ask(const std::function<controller::Event(controller::RequestId)>& make, OnAnswer on_answer);

  const controller::World& durable() const { return durable_; }
  // As the running loop sees it.
  const controller::World& world() const { return loop_->world(); }
  const std::vector<controller::Record>& journal() const { return journal_; }
  // Called with each record as it becomes durable.
  std::function<void(const controller::Record&)> on_durable;
  // Called with each record when its commit begins.
  std::function<void(const controller::Record&)> on_begin;
  // Asked before and after each write of the journal and each reply: true kills the controller at that very point.
  std::function<bool()> dies_here;
  std::vector<std::string>& broken() { return broken_; }

 private:
  struct Flight {
    std::shared_ptr<const controller::Record> record;
    bool durable = false;
  };

  void deliver(controller::Event event);
  void turn_soon();
  void turn();
  void carry_out(const controller::Effect& effect);
  void commit(std::shared_ptr<const controller::Record> record);
  bool died();
  void persist(const controller::Record& record);

  Timeline& timeline_;
  Random& random_;
  const controller::LoopOptions options_;
  std::unique_ptr<controller::Loop> loop_;
  std::uint64_t life_ = 0;
  std::vector<controller::Event> inbox_;
  bool turn_planned_ = false;
  std::optional<Time> wake_at_;
  std::map<controller::RequestId, OnAnswer> waiting_;
  controller::RequestId last_id_ = 0;
  bool disk_failing_ = false;
  std::optional<Flight> flight_;

  controller::World durable_;
  std::vector<controller::Record> journal_;
  controller::World copied_;
  std::size_t copied_records_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace unik::sim
