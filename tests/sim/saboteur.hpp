// Plants a bug, by changing messages on their way.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/ports.hpp"
#include "controller/core/world.hpp"
#include "tests/sim/random.hpp"

namespace unik::sim {

// Bugs that can be planted, to show that the checks can fail. Each is made by changing messages on their way, not the
// product.
enum class PlantedBug : std::uint8_t {
  kNone,
  kNoStrayBucket,       // reports leave out what the controller has no row for
  kNoFencing,           // every reply looks newer than all before it
  kSendBeforeCommit,    // nodes get goals that are not durable yet
  kAbsentWithoutStamp,  // every report claims to come after the newest goals
  kRestoreUnseen,       // reports claim no goals that the restored store has not given
  kNoGuards,            // nobody but the agent ends a strict singleton whose lease has run out
  kBlindRenewals,       // answers lose their goals, and renew the leases instead
  kHeldBackRenewals,    // answers renew leases also where goals are held back
  kBoastfulNodes,       // nodes claim twice the CPUs that they have
  kNoQuota,             // quotas are lost on their way to the controller
  kEagerReports,        // instances are reported ready before they are
  kNamesakesLetIn,      // an agent pretends to be the other one of its name
  kNamesWithoutLease,   // an agent is silent, and another pretends to be it before its leases are over
  kForgottenWaiters,    // a controller that starts does not know what waits for room
  kContagion,           // what cuts the first node off cuts the second off too
  kEchoes,              // most nodes are heard although they are cut off
  kReadAhead,           // readers are shown what is not durable yet
  kDeafNode,            // a node hears of no new goals any more
  kEarlyAbsence,        // reports leave out what is still being stopped
  // What the checks are shown of a record is forged (forgery.hpp), or of the tables:
  kHastyRollouts,   // an old instance is stopped before its successor serves
  kHastyMoves,      // the same, of one that has to leave its node
  kDeafToPauses,    // a rollout goes on while it is paused
  kNoGates,         // an old instance is stopped as soon as its successor is ready
  kCrowdedSlots,    // a strict singleton comes before the one before is gone
  kBoundlessSurge,  // everything new comes at once
  kBlindPlacement,  // nodes are chosen whatever their taints
  kQueueJumpers,    // an app begins before its operation's turn
  kMiscount,        // what a tenant uses is no recount
  kLooseTables,     // a table moves outside the journal
};

class Saboteur {
 public:
  Saboteur(PlantedBug bug, Random& random) : bug_(bug), random_(random) {}

  // `unheard`: for how long the controller has heard nothing of the node.
  void distort(RegisterRequest& request, Duration unheard) const;
  // `durable` is what the controller has on disk.
  // The goals that an agent without fencing took for newer ones get their own revision back.
  void undisguise(Report& report) const;
  void distort(Report& report, const controller::World& durable);
  void distort(HeartbeatReply& reply, std::uint64_t seq, int node, bool faulty);
  void distort(Tenant& tenant) const;
  agent::Event distorted(agent::Event event);
  // What the checks are shown of a record's changes, and of the tables after it.
  std::vector<controller::Change> forged(const controller::World& before, const controller::World& after,
                                         const controller::Record& record) const;
  void distort(controller::World& tables) const;
  // Whether the controller is to hear what a node says that is cut off.
  bool carries_all_the_same(int node) const { return bug_ == PlantedBug::kEchoes && node < 3; }

 private:
  const PlantedBug bug_;
  Random& random_;
  std::map<std::uint64_t, std::uint64_t> disguises_;  // a revision as it looks, and as it is
};

}  // namespace unik::sim
