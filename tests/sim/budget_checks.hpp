// What a record may take of an app that serves, by why it takes it. Each cause has its own budget: a rollout
// `maxUnavailable` and `maxSurge`, a move off a node `disruption.maxUnavailable`, and that only of strict singletons,
// since all else is replaced first. Pure, so that a planted bug can be shown to each.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/world.hpp"

namespace unik::sim {

// Slots that serve until the record stops what serves there, more than the cause's own budget lets be missing. What a
// node's loss, an overdue drain, a deletion or fewer replicas take is nobody's choice. `loop` is the loop's own World,
// for its clocks.
std::vector<std::string> check_budgets(const controller::World& before, const controller::World& after,
                                       const controller::Record& record, const controller::World& loop);

// Instances of the current template that the record creates beside what serves: more than `maxSurge` at a time, or
// before the canaries have proved themselves. A blue/green rollout creates them all at once.
std::vector<std::string> check_surge(const controller::World& before, const controller::World& after,
                                     const controller::Record& record);

// Instances that serve and are stopped for a successor which has not served for as long as the gate says.
// `ready_since` tells when the journal began to say that one is ready.
using ReadySince = std::function<std::optional<Time>(const InstanceId&)>;
std::vector<std::string> check_gates(const controller::World& before, const controller::World& after,
                                     const controller::Record& record, const controller::World& loop, Time now,
                                     const ReadySince& ready_since);

}  // namespace unik::sim
