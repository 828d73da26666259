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
  void asked(const std::string& key, Symbol tenant, const Quota& quota) { asked_[key][tenant] = quota; }
  // An older store is in the place of the one before. Requests of the records that are lost may take effect again, and
  // what they declared is undone.
  void begin_again();

 private:
  void remember(const controller::Record& record);
  void look_at(const controller::Change& change);
  bool is_left_with_its_node(const InstanceId& id) const;
  void check_forgotten(const InstanceId& id);
  void check_derived(const controller::Record& record);
  using Totals = controller::CowMap<Symbol, controller::TenantTotals>;
  void check_declared(const controller::World& world, Symbol tenant, const Totals& before,
                      const controller::TenantTotals& totals);
  void check_placed(const controller::World& world, Symbol name, const Totals& before,
                    const controller::TenantTotals& totals);
  void check_quotas(const controller::Record& record);
  void check_turns(const controller::Record& record);
  void check_build(const Operation& build);
  void check_turn(const controller::Record& record, const InstanceId& planned);
  void check_fleet(const controller::Record& record, std::optional<Time> begun);
  void check_successor(const InstanceId& old);
  void check_brake(const controller::Record& record, std::optional<Time> begun);
  void forget_heartbeats(Symbol node);
  void note_readiness(const controller::Change& change, Time now);
  void count_rollback(const controller::AppRow& row);

  SimulatedCluster& cluster_;
  const NodeChecks& nodes_;
  controller::World before_;  // the durable one, before the record that is looked at
  controller::World after_;   // and after it, as the checks are shown it
  std::set<std::string> keys_;
  std::set<InstanceId> placed_;
  std::set<InstanceId> forgotten_;
  std::set<std::pair<AppName, std::uint64_t>> rollbacks_;  // apps, and the rollouts that nobody asked for
  std::map<std::uint64_t, Time> begun_;                    // by record
  std::optional<Time> last_lost_;                          // when the loop last gave a node up
  std::map<InstanceId, Time> ready_since_;                 // by when the record began that says so
  std::map<std::string, std::map<Symbol, Quota>> asked_;   // by the key of the request, and the tenant
  std::map<Symbol, Quota> quotas_;                         // the last ones that were taken
};

}  // namespace unik::sim
