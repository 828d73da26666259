// How far a rollout is, which templates an app has had, and where instances would go.
#pragma once

#include <string>
#include <vector>

#include "api/views.hpp"
#include "cli/output/table.hpp"

namespace unik::cli {

// One line of state, then what holds it back:
//   app/web: progressing, rollout 42 (rolling): 1 of 3 updated, 2 of older templates left
//     web-1-r17-1: 1 beyond the replicas and 0 missing at a time
std::string render_rollout(const RolloutView& view, bool colour);

// Newest first.
Table history_table(const RolloutView& view, WallTime now);

// `web-0-r42-1 -> n2: the best of …`, or `web-1-r42-1 stays pending: no_eligible_node: …`, behind the tenant where
// there are several; then the notes. Empty where nothing would be placed and nothing is to be said.
std::string render_foreseen(const ApplyReply& reply, bool colour);

}  // namespace unik::cli
