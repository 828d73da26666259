// The controller's loop: requests, reports and the passing of time in; commits, replies and goals out.
//
// It owns no thread, sleep, socket or clock. One commit is under way at a time; what arrives meanwhile becomes the next
// batch. Nothing is said to a user or a node before it is durable. The same events at the same times give the same
// effects, byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "controller/ports.hpp"

namespace unik::controller {

// Mutations that wait for their turn; one more is answered `exhausted`, to be tried again.
inline constexpr std::size_t kMaxWaiting = 10'000;

// A gap between turns that is longer counts as so much silence and no more: a loop that was stopped has heard nobody.
inline constexpr Duration kLongestTurnGap = std::chrono::seconds(5);

// Between two plans that only the passing of time asks for.
inline constexpr Duration kLeastPlanGap = std::chrono::milliseconds(100);

struct LoopOptions {
  Duration heartbeat_every = std::chrono::seconds(10);
  Duration resync_every = std::chrono::seconds(60);
  std::uint32_t max_operations = kMaxOperationsAtWork;
  std::size_t max_changes = kMaxChangesPerRecord;  // of a record, but for what one request or one object needs
};

class Loop {
 public:
  // `world` is what the store holds; its cluster must be set.
  Loop(World world, LoopOptions options);
  ~Loop();

  // Takes the events in order, then the timers that are due, then starts a commit if there is anything to commit.
  Effects turn(Now now, std::span<const Event> events);

  // The committed World with what was observed.
  const World& world() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// The World of a new cluster's first record: its id and the tenant `default`.
Record first_record(std::string cluster_id, WallTime now);

}  // namespace unik::controller
