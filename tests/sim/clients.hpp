// The clients of the simulated cluster: they send what users and operators ask for, and ask again, with the same key,
// until there is an answer.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/record_checks.hpp"
#include "tests/sim/simulated_cluster.hpp"
#include "tests/sim/users.hpp"

namespace unik::sim {

class Clients {
 public:
  Clients(SimulatedCluster& cluster, RecordChecks& checks) : cluster_(cluster), checks_(checks) {}

  // Asks now and then, as chance has it, until the faults end.
  void plan();
  void ask_as(const char* actor, controller::Mutation mutation);
  // Operators who know what they have done undo it, and what users declared becomes something that can run.
  void end_steering();

 private:
  void plan_next();
  Users users();
  controller::Caller next_caller(const char* actor);
  controller::Mutation random_mutation(const std::string& trace_id);
  void ask(const controller::Caller& caller, controller::Mutation mutation);
  void keep_asking(const controller::Caller& caller, const controller::Mutation& mutation);

  SimulatedCluster& cluster_;
  RecordChecks& checks_;
  std::uint64_t asked_ = 0;
};

}  // namespace unik::sim
