// The journal port on a disk in memory. Records and tables survive a crash, nothing else does. It keeps the contract of
// tests/controller/journal_contract.hpp, as the one in SQLite does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/ports.hpp"
#include "tests/sim/random.hpp"
#include "tests/sim/timeline.hpp"

namespace unik::sim {

class SimulatedJournal {
 public:
  // `post` takes the events that answer. The journal begins with the first record of a cluster.
  SimulatedJournal(Timeline& timeline, Random& random, std::function<void(controller::Event)> post);

  void begin_commit(std::shared_ptr<const controller::Record> record);
  void reopen();

  // A commit under way is on disk or not, as chance has it, and nothing that was asked is answered.
  void crash();
  void set_failing(bool failing) { failing_ = failing; }
  // No commit is under way, and what was to be committed last is.
  bool is_settled() const { return !flight_ && !owing_; }
  // A planted bug: a table moves, and no record says so.
  void move_a_table() { ++durable_.last_uid; }
  // How long a commit takes at most.
  void set_longest_commit(Duration longest) { longest_ = longest; }
  // Copies the store aside, and puts the copy back while the controller is down: a restored backup.
  void copy();
  void restore();

  const controller::World& durable() const { return durable_; }
  const std::vector<controller::Record>& records() const { return records_; }

  // Called with each record when its commit begins, and as it becomes durable.
  std::function<void(const controller::Record&)> on_begin;
  std::function<void(const controller::Record&)> on_durable;
  // Asked before and after each write: true when the controller has been killed at that very point.
  std::function<bool()> dies_here;
  std::vector<std::string>& broken() { return broken_; }

 private:
  struct Flight {
    std::shared_ptr<const controller::Record> record;
    bool durable = false;
  };

  void land();
  bool died() const { return dies_here && dies_here(); }
  void persist(const controller::Record& record);

  Timeline& timeline_;
  Random& random_;
  const std::function<void(controller::Event)> post_;
  std::uint64_t life_ = 0;
  bool failing_ = false;
  Duration longest_ = std::chrono::milliseconds(8);
  std::optional<Flight> flight_;
  bool owing_ = false;  // a commit did not happen, and has not been tried again
  controller::World durable_;
  std::vector<controller::Record> records_;
  controller::World copied_;
  std::size_t copied_records_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace unik::sim
