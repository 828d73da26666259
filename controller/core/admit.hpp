// Turns what users and agents ask for into changes, or into an Error that says what is wrong.
//
// Everything is checked before anything is changed: a refused request leaves the draft as it was.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/messages.hpp"
#include "api/result.hpp"
#include "api/views.hpp"
#include "controller/core/plan.hpp"

namespace unik::controller {

struct ApplyRequest {
  std::vector<Resource> resources;
  bool follow = false;  // each App becomes an operation, changed or not: that is what `deploy` is
  std::string trace_id;
  std::string why;  // for the history of templates: `rollback to 17`
};

struct DeleteRequest {
  Kind kind = Kind::kApp;
  std::string tenant;  // of apps; of nodes and tenants that of who asks, or empty: everything is told
  std::vector<std::string> names;
  std::string trace_id;
};

struct CordonRequest {
  std::string node;
  bool schedulable = false;
};

// What a request with this Idempotency-Key was answered first; nothing if there was none. `conflict` for a key that
// came with another body. A key is `TENANT/KEY`; those that are kept from before tenants had their own are found too.
std::optional<Result<ApplyReply>> first_answer(const World& world, const std::string& key, std::uint64_t body_hash);

// One transaction: all resources or none. Applying what is there already changes nothing.
Result<ApplyReply> admit_apply(Draft& draft, const ApplyRequest& request);

// Apps go by themselves and each becomes an operation; their builds that are not done end with this record, also where
// the app itself is not there yet, and stand in the answer behind it; a node must be empty and a tenant without apps.
Result<ApplyReply> admit_delete(Draft& draft, const DeleteRequest& request);

// `schedulable` ends a drain too.
Result<ApplyReply> admit_cordon(Draft& draft, const CordonRequest& request);

// `invalid` for a node of no size, an agent without an id, or a start that no clock could have given: the agent's next
// one would have to lie above it.
Result<void> check_register(const RegisterRequest& request, WallTime now);

// The newest start of an agent wins; an older one is told of it and changes nothing. Another agent under the same name
// is refused with `node_name_taken` while the first may still run what was placed there.
Result<RegisterReply> admit_register(Draft& draft, const RegisterRequest& request);

}  // namespace unik::controller
