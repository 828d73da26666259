// What users and operators of the simulated cluster ask for, as chance has it.
#pragma once

#include <string>

#include "controller/ports.hpp"
#include "tests/sim/random.hpp"

namespace unik::sim {

inline constexpr Resources kLeastSize{MilliCpu{250}, mebibytes(128)};
inline constexpr std::string_view kOtherTenant = "other";

struct Users {
  Random& random;
  int apps = 1;
  int nodes = 1;
  bool careless = false;  // some of what they declare cannot run
};

// Of two tenants that have apps of the same names, half of them each.
AppName random_name(Users users);
App random_app(Users users);
// Sometimes of several apps at once, and of their tenant.
controller::ApplyRequest random_apply(Users users);

// What operators do, beside users: cordons, drains, taints, quotas, rollouts. `world` is what they see.
controller::Mutation random_steering(Users users, const controller::World& world, const std::string& trace_id);

}  // namespace unik::sim
