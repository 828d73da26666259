#include "tests/sim/record_checks.hpp"

#include <utility>
#include <variant>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/rollout.hpp"
#include "controller/store/row_json.hpp"
#include "tests/sim/fleet_checks.hpp"

namespace unik::sim {
namespace {

using namespace controller;

// A lease, readiness or a place: what the passing of wall time must not touch.
bool moves_something(const Change& change) {
  return std::holds_alternative<PutInstance>(change) || std::holds_alternative<RemoveInstance>(change) ||
         std::holds_alternative<ObserveInstance>(change) || std::holds_alternative<PutNode>(change);
}

// Beside old ones that could stay, or where nothing was yet, or only what the template that served last could follow.
// All else that comes replaces what was there.
bool begins_in_its_slot(const World& before, const World& world, const InstanceId& planned) {
  const AppRow& app = *world.apps.find(planned.app_name());
  CurrentTemplate current(world, planned.app_name(), app.rollout);
  const bool others_fill = has_stand_ins(world, app) && current.covers(planned.rollout);
  // One that waited for the room that an old one left had begun with it.
  const bool has_begun = !others_fill || before.instances.contains(planned);
  bool was_there = (app.state.live != 0 && has_begun) || planned.attempt > 1;
  bool could_stay = false;
  bool has_to_leave = false;
  for_each_instance(world, planned.app_name(), [&](const InstanceId& id, const InstanceRow& row) {
    if (id == planned || id.slot != planned.slot) return;
    was_there = true;
    const NodeRow* const node = world.nodes.find(row.node);
    if (node == nullptr || row.goal == InstanceGoal::kStop || current.covers(id.rollout)) return;
    const bool may = node->health != NodeHealth::kLost && leaving(world, *node, *app.app, world.as_of) == Leaving::kNo;
    (may ? could_stay : has_to_leave) = true;
  });
  return !was_there || (could_stay && !has_to_leave);
}

std::int64_t declared_instances(const World& world) {
  return totals_of(world, Symbol(kDefaultTenant)).declared.instances;
}

}  // namespace

void RecordChecks::take(const Record& record) {
  remember(record);
  for (const Change& change : record.changes) look_at(change);
  check_derived(record);
  check_quota(record);
  check_turns(record);
  check_fleet(record);
  check_brake(record);
  before_ = cluster_.controller.durable();
}

void RecordChecks::look_at(const Change& change) {
  Outcome& outcome = cluster_.outcome;
  if (cluster_.drill_began && moves_something(change)) ++outcome.moved;
  if (const auto* const put = std::get_if<PutAnswer>(&change))
    cluster_.expect(keys_.insert(put->key).second, "the request " + put->key + " took effect twice");
  if (const auto* const put = std::get_if<PutOperation>(&change); put != nullptr && put->operation->build)
    check_build(*put->operation);
  if (const auto* const removed = std::get_if<RemoveInstance>(&change)) {
    check_forgotten(removed->id);
    forgotten_.insert(removed->id);
  }
  if (std::holds_alternative<PutStray>(change)) ++outcome.strays;
  if (const auto* const put = std::get_if<PutApp>(&change)) count_rollback(put->row);
  if (const auto* const put = std::get_if<PutInstance>(&change)) {
    if (!put->row.node.empty() && placed_.insert(put->id).second) ++outcome.placed;
    if (before_.strays.contains({put->row.node, put->id})) forgotten_.erase(put->id);  // adopted
    cluster_.expect(!forgotten_.contains(put->id), to_string(put->id) + " is made again under its old id");
  }
}

// Every byte that decides what a record means.
void RecordChecks::remember(const Record& record) {
  std::vector<std::string>& journal = cluster_.outcome.journal;
  journal.push_back(std::to_string(record.seq) + ' ' + std::to_string(record.epoch.recovery_count) + '.' +
                    std::to_string(record.epoch.term) + ' ' + std::to_string(record.at.time_since_epoch().count()) +
                    ' ' + record.actor + ' ' + record.trace_id);
  for (const Change& change : record.changes) journal.push_back(change_json(change));
}

void RecordChecks::begin_again() {
  before_ = cluster_.controller.durable();
  cluster_.outcome.journal.clear();
  keys_.clear();
  forgotten_.clear();
  for (const Record& record : cluster_.controller.journal().records()) {
    remember(record);
    for (const Change& change : record.changes)
      if (const auto* const put = std::get_if<PutAnswer>(&change)) keys_.insert(put->key);
  }
}

// An instance is forgotten only when its VM is gone; a disk that gave back an old record may have brought it back,
// and of a host that sleeps nothing serves: a strict one's guard ends it as the first thing after. Where a namesake has
// the name, its word counts: what the other host runs is nobody's, but no strict singleton can be left there.
void RecordChecks::check_forgotten(const InstanceId& id) {
  // What has no node here was perhaps given one by a history that was lost: that VM is quarantined, not forgotten.
  const InstanceRow* const row = before_.instances.find(id);
  if (row != nullptr && row->node.empty()) return;
  for (const auto& node : cluster_.nodes) {
    const auto vm = node->vms().find(id);
    if (vm == node->vms().end() || !vm->second.running) continue;
    const bool excused = vm->second.strict ? node->is_suspended() : !cluster_.has_its_name(*node);
    cluster_.expect(node->rolled_back() || excused,
                    "the controller forgot " + to_string(id) + " while it runs on " + node->name());
  }
}

// What is kept up with each change is what a recount gives.
void RecordChecks::check_derived(const Record& record) {
  const World& world = cluster_.controller.durable();
  World recounted = world;
  derive(recounted);
  cluster_.expect(same_tables(world, recounted), "a recount gives other sums at record " + std::to_string(record.seq));
}

// Nobody declares more than the quota lets them; what was declared before it became less may stay. Within a record one
// change comes after the other: it may be the last that was asked for that lowers the quota.
void RecordChecks::check_quota(const Record& record) {
  World world = before_;
  world.revision = record.seq;
  for (const Change& change : record.changes) {
    const std::int64_t before = declared_instances(world);
    const TenantUsage placed_before = totals_of(world, Symbol(kDefaultTenant)).placed;
    controller::apply(world, change);
    check_placed(placed_before, world, record);
    if (const auto* const put = std::get_if<PutAnswer>(&change))
      if (const auto asked = quotas_.find(put->key); asked != quotas_.end()) quota_ = asked->second;
    const std::int64_t instances = declared_instances(world);
    cluster_.expect(!quota_.instances || instances <= *quota_.instances || instances <= before,
                    "quota: the tenant declares " + std::to_string(instances) + " instances at record " +
                        std::to_string(record.seq));
  }
}

// What is placed stays within the quota that the tenant has at that moment, whatever its apps declare; what was placed
// before it was lowered may stay, and is replaced by nothing larger.
void RecordChecks::check_placed(const TenantUsage& before, const World& world, const Record& record) {
  const TenantRow* const tenant = world.tenants.find(Symbol(kDefaultTenant));
  const Quota quota = tenant == nullptr ? Quota{} : tenant->tenant->spec.quota;  // the first record makes it
  const TenantUsage after = totals_of(world, Symbol(kDefaultTenant)).placed;
  const bool fits =
      (!quota.instances || after.instances <= *quota.instances || after.instances <= before.instances) &&
      (!quota.cpu || after.resources.cpu <= *quota.cpu || after.resources.cpu <= before.resources.cpu) &&
      (!quota.memory || after.resources.memory <= *quota.memory || after.resources.memory <= before.resources.memory);
  cluster_.expect(fits, "quota: more is placed than the tenant may have at record " + std::to_string(record.seq));
}

// What was built is declared in the very record that says so, and one build is under way at a time.
void RecordChecks::check_build(const Operation& build) {
  const World& world = cluster_.controller.durable();
  if (build.state == OperationState::kSucceeded) {
    ++cluster_.outcome.built;
    const AppRow* const app = world.apps.find(build.target);
    cluster_.expect(app != nullptr && app->app->spec.boot.image == build.build->image,
                    "build " + build.operation_id + " is done, and what it made is not declared");
  }
  std::size_t under_way = 0;
  for (const auto& [key, nothing] : world.unfinished_builds)
    if ((*world.operations.find(key))->state == OperationState::kRunning) ++under_way;
  cluster_.expect(under_way <= 1, std::to_string(under_way) + " builds are under way at once");
}

// An operation begins nothing before its turn. What is adopted was there.
void RecordChecks::check_turns(const Record& record) {
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.goal == InstanceGoal::kStop) continue;
    const bool is_adopted = before_.strays.contains({put->row.node, put->id});
    if (!is_adopted && begins_in_its_slot(before_, cluster_.controller.durable(), put->id)) check_turn(record, put->id);
  }
}

// An operation that comes back from a silent node takes its turn at once, so that only new ones are counted.
void RecordChecks::check_turn(const Record& record, const InstanceId& planned) {
  const World& world = cluster_.controller.durable();
  bool at_work = false;
  bool waits = false;
  for (const auto& [key, operation] : world.operations) {
    if (operation->target != planned.app_name()) continue;
    at_work |= operation->state == OperationState::kRunning;
    // One that waited for a silent node until this very record had a turn when its app was planned.
    const bool comes_back = before_.operations.contains(key) && !before_.queued_operations.contains(key);
    waits |= world.queued_operations.contains(key) && !comes_back;
  }
  // One that ended, or found its way blocked, with this very record had the turn.
  for (const Change& change : record.changes)
    if (const auto* const ended = std::get_if<PutOperation>(&change))
      at_work |=
          ended->operation->target == planned.app_name() && (is_final(*ended->operation) || ended->operation->error);
  cluster_.expect(at_work || !waits, to_string(planned) + " began while its operation waited for its turn");
}

void RecordChecks::check_fleet(const Record& record) {
  const World& world = cluster_.controller.durable();
  std::vector<std::string> broken = check_nodes(world, record, nodes_.capacity());
  for (std::string& text : check_strict_slots(before_, record)) broken.push_back(std::move(text));
  for (std::string& text : check_held(before_, world)) broken.push_back(std::move(text));
  for (std::string& text : check_pauses(before_, world)) broken.push_back(std::move(text));
  // One that has just died has no clocks to judge by.
  if (cluster_.controller.is_up())
    for (std::string& text : check_budgets(before_, world, cluster_.controller.world()))
      broken.push_back(std::move(text));
  for (const std::string& text : broken) cluster_.expect(false, text);
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.goal != InstanceGoal::kStop || !is_ready(*put->row.status)) continue;
    if (put->why.cause != to_string(Bucket::kEvicted)) check_successor(put->id);  // that waits for nobody
  }
}

void RecordChecks::count_rollback(const AppRow& row) {
  if (row.history.empty() || !row.history.back().automatic) return;
  if (rollbacks_.emplace(row.app->name(), row.history.back().rollout).second) ++cluster_.outcome.rollbacks;
}

// Silence may be our own: nodes are given up one by one, and none while most are silent, by what has really arrived.
void RecordChecks::check_brake(const Record& record) {
  constexpr Duration kSlack = std::chrono::seconds(5);
  const auto planned = begun_.extract(record.seq);
  if (planned.empty()) return;
  const Time begun = planned.mapped();
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutNode>(&change);
    if (put == nullptr || put->row.health != NodeHealth::kLost) continue;
    const std::string& name = put->row.node->metadata.name;
    const NodeRow* const was = before_.nodes.find(Symbol(name));
    if (was != nullptr && was->health == NodeHealth::kLost) continue;
    cluster_.expect(!last_lost_ || begun >= *last_lost_ + kLostEvery,
                    "brake: " + name + " is given up right after another");
    last_lost_ = begun;
    std::size_t known = 0, silent = 0;
    for (const std::optional<Time>& arrived : cluster_.arrived) {
      known += arrived.has_value();
      silent += arrived && begun >= *arrived + kLostLimit + kSlack;
    }
    cluster_.expect(2 * silent <= known, "brake: " + name + " is given up while " + std::to_string(silent) + " of " +
                                             std::to_string(known) + " are silent");
  }
}

// What an old instance is stopped for has really begun to serve: by its node, not by what was said of it.
void RecordChecks::check_successor(const InstanceId& old) {
  for_each_instance(cluster_.controller.durable(), old.app_name(), [&](const InstanceId& id, const InstanceRow& row) {
    if (id.slot != old.slot || row.goal != InstanceGoal::kRun || !is_ready(*row.status)) return;
    for (const auto& node : cluster_.nodes) {
      const auto vm = node->vms().find(id);
      cluster_.expect(vm == node->vms().end() || !vm->second.running || vm->second.started || vm->second.started_before,
                      "successor: " + to_string(old) + " is stopped for " + to_string(id) + ", which has not started");
    }
  });
}

}  // namespace unik::sim
