#include "tests/sim/rest_checks.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/store/row_json.hpp"

namespace unik::sim {
namespace {

using namespace controller;

using Running = std::map<InstanceId, std::string>;  // the VMs that run, and the names of their nodes

Running check_running(SimulatedCluster& cluster) {
  const World& world = cluster.controller.durable();
  Running running;
  for (const auto& node : cluster.nodes) {
    for (const auto& [id, vm] : node->vms()) {
      if (!vm.running) continue;
      cluster.expect(running.emplace(id, node->name()).second, "two VMs run for " + to_string(id));
      const InstanceRow* const row = world.instances.find(id);
      cluster.expect(row != nullptr && row->node == Symbol(node->name()) && row->goal == InstanceGoal::kRun,
                     to_string(id) + " runs on " + node->name() + " and nobody wants it");
    }
  }
  return running;
}

void check_app(SimulatedCluster& cluster, const AppName& name, const AppRow& app, const Running& running) {
  const World& world = cluster.controller.durable();
  cluster.expect(!app.deleting, "app " + to_string(name) + " is still being deleted");
  std::set<std::uint32_t> slots;
  CurrentTemplate current(world, name, app.rollout);
  bool waits = false;  // for room, which an old instance of its own may take
  for_each_instance(world, name, [&](const InstanceId&, const InstanceRow& row) { waits |= row.node.empty(); });
  for_each_instance(world, name, [&](const InstanceId& id, const InstanceRow& row) {
    if (row.node.empty() || (waits && !current.covers(id.rollout))) return;
    cluster.expect(row.goal == InstanceGoal::kRun, to_string(id) + " is still being stopped");
    cluster.expect(current.covers(id.rollout), to_string(id) + " is of an old rollout");
    cluster.expect(running.contains(id), to_string(id) + " should run and has no VM");
    cluster.expect(is_ready(*row.status), to_string(id) + " is not ready: " + row.status->reason);
    slots.insert(id.slot);
  });
  cluster.expect(slots.size() == app.app->spec.replicas || world.unplaced.size() > 0,
                 "app " + to_string(name) + " has " + std::to_string(slots.size()) + " of " +
                     std::to_string(app.app->spec.replicas));
}

void check_operations(SimulatedCluster& cluster) {
  const World& world = cluster.controller.durable();
  cluster.expect(world.unfinished_builds.empty(), "a build has not ended");
  for (const auto& [index, nothing] : world.active_operations)
    cluster.expect(!world.unplaced.empty(), "operation " + to_string(index.key) + " on " + to_string(index.app) +
                                                " has not ended: " + (*world.operations.find(index.key))->message);
}

void check_fold(SimulatedCluster& cluster) {
  World folded;
  for (const Record& record : cluster.controller.journal().records()) apply(folded, record);
  cluster.expect(same_tables(folded, cluster.controller.durable()), "folding the journal does not give the tables");
}

std::vector<Change> everything_planned(const World& world, WallTime wall) {
  Dirty everything;
  everything.everything = true;
  return reconcile(world, everything, Now{world.as_of, wall}).changes;
}

void expect_no_plan(SimulatedCluster& cluster, const World& world, const std::string& name) {
  for (const Change& change : everything_planned(world, cluster.timeline.now().wall))
    cluster.expect(false, name + " still changes " + change_json(change));
}

// What is left to do for a plan of everything, by a World that has heard every node, is nothing.
void check_settled(SimulatedCluster& cluster) {
  expect_no_plan(cluster, cluster.controller.world(), "a plan of everything");
  // Without the clocks that an app at rest has, each one is planned at length.
  World at_length = cluster.controller.world();
  at_length.clocks.ready_since = {};
  expect_no_plan(cluster, at_length, "a plan of everything at length");
}

}  // namespace

namespace {

// What the change is about, and the row as it stands.
template <typename Table, typename Key>
std::string about(const Table& table, const Key& key, const auto& put) {
  const auto* const row = table.find(key);
  return to_string(key) + (row == nullptr ? " is not there" : " " + change_json(put(*row)));
}
// What something waits for moves all the time: its figures, and whether it is room, the quota, or a turn that others
// have.
bool is_only_worded_anew(const World& world, const Change& change) {
  if (const auto* const put = std::get_if<PutInstance>(&change)) {
    const InstanceRow* const row = world.instances.find(put->id);
    return row != nullptr && row->node.empty() && put->row.node.empty() && row->goal == put->row.goal;
  }
  const auto* const put = std::get_if<PutOperation>(&change);
  const Shared<Operation>* const row = put == nullptr ? nullptr : world.operations.find(put->key);
  if (row == nullptr) return false;
  Operation operation = *put->operation;
  operation.message = (*row)->message;
  operation.updated_at = (*row)->updated_at;
  operation.error = (*row)->error;
  return operation == **row;
}
std::string about(const World& world, const Change& change) {
  const auto instance = [&](const InstanceId& id) {
    return about(world.instances, id, [&](const InstanceRow& row) { return PutInstance{id, row}; });
  };
  if (const auto* const put = std::get_if<PutInstance>(&change)) return instance(put->id);
  if (const auto* const removed = std::get_if<RemoveInstance>(&change)) return instance(removed->id);
  if (const auto* const put = std::get_if<PutApp>(&change))
    return about(world.apps, put->row.app->name(), [](const AppRow& row) { return PutApp{row}; });
  if (const auto* const put = std::get_if<PutOperation>(&change))
    return about(world.operations, put->key, [&](const Shared<Operation>& operation) {
      return PutOperation{put->key, operation};
    });
  return change_json(change);
}

}  // namespace

void IncrementalCheck::look() {
  const Time now = cluster_.timeline.now().boot;
  if (!wanted_.empty() && now < looked_ + kPatience) return;
  const World& world = cluster_.controller.world();
  const bool again = !wanted_.empty() && world.started == started_;
  std::set<std::string> wanted;
  if (again || ++looks_ % kRestsForEach == 0)
    for (const Change& change : everything_planned(world, cluster_.timeline.now().wall)) {
      if (!is_only_worded_anew(world, change)) wanted.insert(about(world, change));
    }
  for (const std::string& one : wanted)
    cluster_.expect(!again || !wanted_.contains(one),
                    "at record " + std::to_string(world.revision) +
                        " a plan of everything would change what no other plan does: " + one);
  wanted_ = again ? std::set<std::string>{} : std::move(wanted);
  looked_ = now;
  started_ = world.started;
}

void check_rest(SimulatedCluster& cluster) {
  const Running running = check_running(cluster);
  for (const auto& [name, app] : cluster.controller.durable().apps) check_app(cluster, name, app, running);
  check_operations(cluster);
  check_fold(cluster);
  check_settled(cluster);
}

}  // namespace unik::sim
