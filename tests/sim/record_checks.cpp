#include "tests/sim/record_checks.hpp"

#include <utility>
#include <variant>
#include <vector>

#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/rollout_facts.hpp"
#include "controller/store/row_json.hpp"
#include "tests/sim/budget_checks.hpp"
#include "tests/sim/fleet_checks.hpp"
#include "tests/sim/placement_checks.hpp"

namespace unik::sim {
namespace {

using namespace controller;

// A lease, readiness or a place: what the passing of wall time must not touch.
bool moves_something(const Change& change) {
  return std::holds_alternative<PutInstance>(change) || std::holds_alternative<RemoveInstance>(change) ||
         std::holds_alternative<ObserveInstance>(change) || std::holds_alternative<PutNode>(change);
}

// Whether one of the same template left the slot with the record that made `after`. Why it had to leave, that nobody
// wanted it or that its node was drained, no table tells.
bool follows_its_like(const World& before, const World& after, const InstanceId& planned) {
  const Shared<BootSpec>* const own = after.templates.find({planned.app_name(), planned.rollout});
  bool follows = false;
  for_each_instance(before, planned.app_name(), [&](const InstanceId& id, const InstanceRow& row) {
    if (id.slot != planned.slot || row.node.empty() || after.instances.contains(id)) return;
    const Shared<BootSpec>* const boot = before.templates.find({id.app_name(), id.rollout});
    follows |= boot != nullptr && own != nullptr && *boot == *own;
  });
  return follows;
}

// Beside old ones that could stay, or where nothing was yet, or only what the template that served last could follow.
// All else that comes replaces what was there.
bool begins_in_its_slot(const World& before, const World& world, const InstanceId& planned) {
  const AppRow& app = *world.apps.find(planned.app_name());
  CurrentTemplate current(world, planned.app_name(), app.rollout);
  const bool others_fill = has_stand_ins(world, app) && current.covers(planned.rollout);
  // One that waited for the room that an old one left had begun with it.
  const bool has_begun = !others_fill || before.instances.contains(planned);
  bool was_there =
      (app.state.live != 0 && has_begun) || planned.attempt > 1 || follows_its_like(before, world, planned);
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

bool is_within(const Quota& quota, const TenantUsage& usage, const TenantUsage& before) {
  return (!quota.instances || usage.instances <= *quota.instances || usage.instances <= before.instances) &&
         (!quota.cpu || usage.resources.cpu <= *quota.cpu || usage.resources.cpu <= before.resources.cpu) &&
         (!quota.memory || usage.resources.memory <= *quota.memory ||
          usage.resources.memory <= before.resources.memory);
}

}  // namespace

void RecordChecks::take(const Record& durable) {
  remember(durable);
  after_ = cluster_.controller.durable();
  Record record = durable;
  for (Change& change : cluster_.saboteur.forged(before_, after_, record)) {
    controller::apply(after_, change);
    record.changes.push_back(std::move(change));
  }
  cluster_.saboteur.distort(after_);
  const auto planned = begun_.extract(record.seq);
  const std::optional<Time> begun = planned.empty() ? std::nullopt : std::optional(planned.mapped());
  for (const Change& change : record.changes) {
    look_at(change);
    note_readiness(change, begun.value_or(cluster_.timeline.now().boot));
  }
  check_derived(record);
  check_quotas(record);
  check_turns(record);
  check_fleet(record, begun);
  check_brake(record, begun);
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
    if (!is_left_with_its_node(removed->id)) check_forgotten(removed->id);
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

// A node that is silent shows nobody that what it runs serves; that the journal does not say.
void RecordChecks::note_readiness(const Change& change, Time now) {
  const auto note = [&](const InstanceId& id, const InstanceStatus& status) {
    is_ready(status) ? static_cast<void>(ready_since_.emplace(id, now)) : static_cast<void>(ready_since_.erase(id));
  };
  if (const auto* const put = std::get_if<PutInstance>(&change)) note(put->id, *put->row.status);
  if (const auto* const seen = std::get_if<ObserveInstance>(&change)) note(seen->id, *seen->status);
  if (const auto* const removed = std::get_if<RemoveInstance>(&change)) ready_since_.erase(removed->id);
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
  // What serves then has served since, as its node says before there are records again that say so.
  ready_since_.clear();
  for (const auto& node : cluster_.nodes)
    for (const auto& [id, vm] : node->vms())
      if (vm.running && vm.started && !vm.broken) ready_since_.emplace(id, cluster_.timeline.now().boot);
  cluster_.outcome.journal.clear();
  keys_.clear();
  forgotten_.clear();
  for (const Record& record : cluster_.controller.journal().records()) {
    remember(record);
    for (const Change& change : record.changes)
      if (const auto* const put = std::get_if<PutAnswer>(&change)) keys_.insert(put->key);
  }
}

// A lost node that is deleted takes what it ran with it, but for strict singletons: should it return, that is nobody's.
bool RecordChecks::is_left_with_its_node(const InstanceId& id) const {
  const InstanceRow* const row = before_.instances.find(id);
  return row != nullptr && is_lost(before_, row->node) && !after_.nodes.contains(row->node) && !is_strict(before_, id);
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
    // That one is not its instance: a history that was lost gave another node the same id.
    if (cluster_.options.restore && row != nullptr && row->node != Symbol(node->name())) continue;
    const bool excused = vm->second.strict ? node->is_suspended() : !cluster_.has_its_name(*node);
    cluster_.expect(node->rolled_back() || excused,
                    "the controller forgot " + to_string(id) + " while it runs on " + node->name());
  }
}

// What is kept up with each change is what a recount gives.
void RecordChecks::check_derived(const Record& record) {
  constexpr int kLarge = 100;  // agents: a recount of all tables of such a fleet takes longer than all else
  World recounted = after_;
  if (cluster_.options.agents > kLarge && record.seq % 16 != 0) {
    derive_usage(recounted);
  } else {
    derive(recounted);
  }
  cluster_.expect(same_tables(after_, recounted), "a recount gives other sums at record " + std::to_string(record.seq));
}

// Nobody declares or places more than the quota lets them; what was there before it became less may stay. One request
// comes after the other, and ends with its answer: what counts of it is what it comes to.
void RecordChecks::check_quotas(const Record& record) {
  World world = before_;
  world.revision = record.seq;
  Totals before = world.usage;
  for (const Change& change : record.changes) {
    const Totals placed_before = world.usage;
    controller::apply(world, change);
    for (const auto& [tenant, totals] : world.usage) check_placed(world, tenant, placed_before, totals);
    if (const auto* const removed = std::get_if<RemoveTenant>(&change)) quotas_.erase(removed->name);
    const auto* const answer = std::get_if<PutAnswer>(&change);
    if (answer == nullptr) continue;
    if (const auto asked = asked_.find(answer->key); asked != asked_.end())
      for (const auto& [tenant, quota] : asked->second) quotas_[tenant] = quota;
    for (const auto& [tenant, totals] : world.usage) check_declared(world, tenant, before, totals);
    before = world.usage;
  }
  for (const auto& [tenant, totals] : world.usage) check_declared(world, tenant, before, totals);
}

void RecordChecks::check_declared(const World& world, Symbol tenant, const Totals& before, const TenantTotals& totals) {
  const auto quota = quotas_.find(tenant);
  if (quota == quotas_.end()) return;
  const TenantTotals* const had = before.find(tenant);
  cluster_.expect(
      is_within(quota->second, totals.declared, had == nullptr ? TenantUsage{} : had->declared),
      "quota: tenant " + tenant.str() + " declares more than it may at record " + std::to_string(world.revision));
}

// Whatever the tenant's apps declare. What was placed before the quota was lowered is replaced by nothing larger.
void RecordChecks::check_placed(const World& world, Symbol name, const Totals& before, const TenantTotals& totals) {
  const TenantRow* const tenant = world.tenants.find(name);
  const Quota quota = tenant == nullptr ? Quota{} : tenant->tenant->spec.quota;  // the first record makes it
  const TenantTotals* const had = before.find(name);
  cluster_.expect(
      is_within(quota, totals.placed, had == nullptr ? TenantUsage{} : had->placed),
      "quota: more is placed than tenant " + name.str() + " may have at record " + std::to_string(world.revision));
}

// What was built is declared in the very record that says so, and one build is under way at a time.
void RecordChecks::check_build(const Operation& build) {
  const World& world = after_;
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

// An operation begins nothing before its turn. What is adopted was there, and a row without a node only says what is
// short.
void RecordChecks::check_turns(const Record& record) {
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put == nullptr || put->row.goal == InstanceGoal::kStop || put->row.node.empty()) continue;
    const bool is_adopted = before_.strays.contains({put->row.node, put->id});
    if (!is_adopted && begins_in_its_slot(before_, after_, put->id)) check_turn(record, put->id);
  }
}

// An operation that comes back from a silent node takes its turn at once, so that only new ones are counted.
void RecordChecks::check_turn(const Record& record, const InstanceId& planned) {
  const World& world = after_;
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

void RecordChecks::check_fleet(const Record& record, std::optional<Time> begun) {
  const World& world = after_;
  std::vector<std::string> broken = check_nodes(world, record, nodes_.capacity());
  for (std::string& text : check_strict_slots(before_, record)) broken.push_back(std::move(text));
  for (std::string& text : check_held(before_, world)) broken.push_back(std::move(text));
  for (std::string& text : check_pauses(before_, world)) broken.push_back(std::move(text));
  for (std::string& text : check_surge(before_, world, record)) broken.push_back(std::move(text));
  for (std::string& text : check_placements(before_, world, record, nodes_.capacity()))
    broken.push_back(std::move(text));
  for (std::string& text : check_host_ports(world)) broken.push_back(std::move(text));
  // One that has just died has no clocks to judge by.
  if (cluster_.controller.is_up()) {
    const World& loop = cluster_.controller.world();
    const auto since = [this](const InstanceId& id) {
      const auto found = ready_since_.find(id);
      return found == ready_since_.end() ? std::nullopt : std::optional(found->second);
    };
    for (std::string& text : check_budgets(before_, world, record, loop)) broken.push_back(std::move(text));
    for (std::string& text :
         check_gates(before_, world, record, loop, begun.value_or(cluster_.timeline.now().boot), since))
      broken.push_back(std::move(text));
  }
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

void RecordChecks::forget_heartbeats(Symbol node) {
  for (std::size_t i = 0; i < cluster_.nodes.size(); ++i)
    if (Symbol(cluster_.nodes[i]->name()) == node) cluster_.arrived[i].reset();
}

// Silence may be our own: nodes are given up one by one, and none while most are silent, by what has really arrived.
void RecordChecks::check_brake(const Record& record, std::optional<Time> begun) {
  constexpr Duration kSlack = std::chrono::seconds(5);
  if (!begun) return;
  for (const Change& change : record.changes) {
    if (const auto* const removed = std::get_if<RemoveNode>(&change)) forget_heartbeats(removed->name);
    const auto* const put = std::get_if<PutNode>(&change);
    if (put == nullptr || put->row.health != NodeHealth::kLost) continue;
    const std::string& name = put->row.node->metadata.name;
    const NodeRow* const was = before_.nodes.find(Symbol(name));
    if (was != nullptr && was->health == NodeHealth::kLost) continue;
    cluster_.expect(!last_lost_ || *begun >= *last_lost_ + kLostEvery,
                    "brake: " + name + " is given up right after another");
    last_lost_ = begun;
    std::size_t known = 0, silent = 0;
    for (std::size_t i = 0; i < cluster_.arrived.size(); ++i) {
      // Of a node that is deleted nothing is counted before its agent has registered it again.
      if (!before_.nodes.contains(Symbol(cluster_.nodes[i]->name()))) continue;
      const std::optional<Time>& arrived = cluster_.arrived[i];
      known += arrived.has_value();
      silent += arrived && *begun >= *arrived + kLostLimit + kSlack;
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
