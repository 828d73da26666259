// How long the controller's last word lets an instance run: the lease of a strict singleton (api/lease.hpp), the
// patience of `disconnect.stopOnClientAfter`, and the node's name, which another agent may have taken.
#pragma once

#include <optional>

#include "api/action.hpp"
#include "api/lease.hpp"

namespace unik::agent {

// Of a strict singleton's lease at most so much is kept for stopping it gently; then its guard ends it.
inline constexpr Duration kLongestFarewell = kStrictLease / 3;

// When another agent has had the node's name for so long, and is heard, it runs what is placed on the node.
inline constexpr Duration kNameLost = std::chrono::minutes(5);

// What the controller's answers have confirmed, in the times at which the heartbeats were sent.
struct Contact {
  Time heard{};                   // the newest that was answered; at first when this agent began
  std::optional<Time> renewed;    // the newest that an answer named as one that renews; never carried over a restart
  std::optional<Time> name_lost;  // when what runs here had to go, since another agent runs it under the node's name
};

inline bool is_strict(const BootSpec& boot) {
  return boot.singleton == Singleton::kStrict;
}

// When an instance that runs is to be asked to stop; absent: not at all. A strict one that this agent found running and
// has no word for yet is left to its guard, which knows what the agent before was told.
std::optional<Time> runs_until(const EnsureRunning& goal, const Contact& contact);

// Whether it may be started.
bool may_start(const EnsureRunning& goal, const Contact& contact, Time now);

}  // namespace unik::agent
