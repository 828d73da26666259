// What users and operators of the simulated cluster ask for, as chance has it.
#pragma once

#include <string>

#include "controller/ports.hpp"
#include "tests/sim/random.hpp"

namespace unik::sim {

inline constexpr Resources kLeastSize{MilliCpu{250}, mebibytes(128)};

struct Users {
  Random& random;
  int apps = 1;
  int nodes = 1;
  bool careless = false;  // some of what they declare cannot run
};

App random_app(Users users);

// What operators do, beside users: cordons, drains, quotas, rollouts.
controller::Mutation random_steering(Users users, const std::string& trace_id);

}  // namespace unik::sim
