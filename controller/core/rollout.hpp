// Replaces old instances by current ones without a gap.
//
// An instance is old when its template is (a changed app) or when its node is to be left (drain, taint, loss). In each
// slot the new one comes first, as many at a time as the policy allows; the old one is stopped when the new one has
// proved itself, and no more serve nowhere than may be missing. A strict singleton goes the other way round: the old
// one stops, as many at a time as may be missing, and nothing new comes to its slot before it is gone. What does not
// serve is no reason to wait; what is on a silent node neither serves nor is given up. While the rollout is held, what
// a slot lacks that it has not reached, and what leaves a slot in which the new one does not serve, is followed by a
// stand-in of the template that served last. Pure: everything is in the arguments.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/core/rollout_facts.hpp"

namespace unik::controller {

// How long an instance that no check asks has to run before it may replace one that serves: a program that dies at once
// has served for a moment too. Where the gate says how long, that counts.
inline constexpr Duration kUncheckedProof = std::chrono::seconds(2);

struct RolloutSteps {
  std::vector<InstanceId> create;             // or, of a stand-in that is there, place
  std::map<std::uint32_t, InstanceId> comes;  // by slot: what holds it when all that goes has gone
  std::set<std::uint32_t> taken;              // slots in which nothing comes before what is there has been seen gone
  std::vector<InstanceId> stop;
  std::vector<std::pair<InstanceId, std::string>> holds;  // what stays for now or comes later, and why
  std::optional<Time> wake_at;                            // when waiting alone may change something
  std::uint32_t arrived = 0;                              // slots whose current instance has proved itself
  bool canaries_arrived = false;
  bool canaries_stay = true;  // none of them has been seen not to serve
  bool promote = false;       // the canaries have baked
  bool switch_ports = false;  // blue/green: nothing that holds the published ports serves, and something else does
  bool complete =
      false;  // every slot is served by the current template, or its job has ended well; nothing old is left
};

RolloutSteps plan_rollout(const RolloutFacts& facts);

}  // namespace unik::controller
