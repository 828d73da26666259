// What must hold after every record of the controller's journal: of the tables, of what users were answered, of the
// fleet, and of what the record claims that nodes do.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/sim/node_checks.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class RecordChecks {
 public:
  RecordChecks(SimulatedCluster& cluster, const NodeChecks& nodes) : cluster_(cluster), nodes_(nodes) {}

  // Keeps the record for the outcome's journal and looks at what it has made of the tables.
  void take(const controller::Record& record);
  // A request with this key asks for this quota. Of several the last that takes effect is the one that binds.
  void asked(const std::string& key, const Quota& quota) { quotas_[key] = quota; }
  // An older store is in the place of the one before. Requests of the records that are lost may take effect again, and
  // what they declared is undone.
  void begin_again();

 private:
  void remember(const controller::Record& record);
  void look_at(const controller::Change& change);
  void check_forgotten(const InstanceId& id);
  void check_derived(const controller::Record& record);
  void check_quota(const controller::Record& record);
  void check_turns(const controller::Record& record);
  void check_turn(const controller::Record& record, const InstanceId& planned);
  void check_fleet(const controller::Record& record);
  void check_successor(const InstanceId& old);
  std::int64_t declared_instances() const;

  SimulatedCluster& cluster_;
  const NodeChecks& nodes_;
  controller::World before_;  // the durable one, before the record that is looked at
  std::set<std::string> keys_;
  std::set<InstanceId> placed_;
  std::map<std::string, Quota> quotas_;  // by the key of the request that asked for it
  Quota quota_;                          // the last one that was taken
  std::int64_t declared_ = 0;            // instances, after the record before
};

}  // namespace unik::sim
