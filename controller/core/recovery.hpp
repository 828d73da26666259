// How a controller goes on when its store turned out to be older than what its nodes have accepted.
//
// Until `recover` nothing is stopped, moved or declared. `recover` raises the recovery count, so that goals given from
// now on come after all that the lost history gave, and gives each app's template a new number, so that no instance id
// is used twice. Each node is then gone through once, before it gets goals: what runs there and is not known is
// quarantined, which means left alone until somebody adopts or destroys it; what is known and was never there is given
// up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/core/admit.hpp"

namespace unik::controller {

struct RecoverRequest {};

// Always possible: of a history that was not lost it restarts nothing.
Result<ApplyReply> admit_recover(Draft& draft);

enum class QuarantineVerb : std::uint8_t {
  kAdopt,    // it becomes an instance of its app, as it is
  kDestroy,  // its node is told to stop it
};

std::string_view to_string(QuarantineVerb verb);

struct QuarantineRequest {
  Symbol node;
  InstanceId id;
  QuarantineVerb verb = QuarantineVerb::kAdopt;
};

// Errors: `not_found`/`not_quarantined`, `conflict`/`cannot_adopt` with the obstacle.
Result<ApplyReply> admit_quarantine(Draft& draft, const QuarantineRequest& request);

// Why a mutation must wait for `recover`.
Error refuse_before_recovery();

// Whether the node has been gone through since the last recovery.
bool is_accounted(const World& world, Symbol node);

// Goes through a node that has reported and is not accounted for.
void account_for_node(Draft& draft, Symbol node);

// What is quarantined, and before `recover` what will be, by node and id.
std::vector<QuarantinedView> view_quarantine(const World& world);

}  // namespace unik::controller
