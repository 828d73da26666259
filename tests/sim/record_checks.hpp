// What must hold after every record of the controller's journal: of the tables, of what users were answered, of the
// fleet, and of what the record claims that nodes do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/node_checks.hpp"
#include "tests/sim/simulated_cluster.hpp"

namespace unik::sim {

class RecordChecks {
 public:
  RecordChecks(SimulatedCluster& cluster, const NodeChecks& nodes) : cluster_(cluster), nodes_(nodes) {}

  // The loop has planned the record, and its commit begins.
  void begin(const controller::Record& record) {
    const bool is_first = begun_.insert_or_assign(record.seq, cluster_.timeline.now().boot).second;
    if (!is_first) ++cluster_.outcome.replans;
  }
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
  void check_placed(const controller::TenantUsage& before, const controller::World& world,
                    const controller::Record& record);
  void check_quota(const controller::Record& record);
  void check_turns(const controller::Record& record);
  void check_build(const Operation& build);
  void check_turn(const controller::Record& record, const InstanceId& planned);
  void check_fleet(const controller::Record& record);
  void check_successor(const InstanceId& old);
  void check_brake(const controller::Record& record);
  void count_rollback(const controller::AppRow& row);

  SimulatedCluster& cluster_;
  const NodeChecks& nodes_;
  controller::World before_;  // the durable one, before the record that is looked at
  std::set<std::string> keys_;
  std::set<InstanceId> placed_;
  std::set<InstanceId> forgotten_;
  std::set<std::pair<AppName, std::uint64_t>> rollbacks_;  // apps, and the rollouts that nobody asked for
  std::map<std::uint64_t, Time> begun_;                    // by record
  std::optional<Time> last_lost_;                          // when the loop last gave a node up
  std::map<std::string, Quota> quotas_;                    // by the key of the request that asked for it
  Quota quota_;                                            // the last one that was taken
};

}  // namespace unik::sim
