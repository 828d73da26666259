#include "controller/core/world.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "api/check.hpp"
#include "api/stable_hash.hpp"

namespace unik::controller {
namespace {

std::size_t index_of(NodeHealth health) {
  return static_cast<std::size_t>(health);
}

bool is_at_work(const Operation& operation) {
  return operation.state == OperationState::kRunning && !operation.started;
}

bool is_queued(const Operation& operation) {
  return operation.state == OperationState::kPending && !operation.error;
}

bool is_blocked(const Operation& operation) {
  return operation.state == OperationState::kPending && operation.error;
}

// Enters an operation into the indexes, and takes it out of them again. Builds have a queue of their own.
void count(World& world, const OperationKey& key, const Operation& operation) {
  if (operation.kind == OperationKind::kBuild) {
    if (!is_final(operation)) world.unfinished_builds.set(key, {});
    return;
  }
  if (!is_final(operation)) world.active_operations.set({operation.target, key}, {});
  if (is_queued(operation)) world.queued_operations.set(key, operation.target);
  if (is_blocked(operation)) world.blocked_operations.set(key, operation.target);
  if (is_at_work(operation)) ++world.operations_at_work;
}

void uncount(World& world, const OperationKey& key, const Operation& operation) {
  if (operation.kind == OperationKind::kBuild) {
    world.unfinished_builds.erase(key);
    return;
  }
  world.active_operations.erase({operation.target, key});
  world.queued_operations.erase(key);
  world.blocked_operations.erase(key);
  if (is_at_work(operation)) --world.operations_at_work;
}

ImageTemplate image_template(const TemplateKey& key, const BootSpec& boot) {
  return {stable_hash(boot.image), key};
}

bool is_stranded(const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && !row.node.empty() && cannot_be_started(*row.status);
}

// Applies one change; holds what all the overloads need.
class Fold {
 public:
  Fold(World& world, Dirty* dirty) : world_(world), dirty_(dirty) {}

  void operator()(const PutCluster& change) {
    world_.cluster = change.row;
    world_.history_lost = change.row.history_lost;
  }

  void operator()(const PutApp& change) {
    const AppName name = change.row.app->name();
    world_.last_uid = std::max(world_.last_uid, change.row.app->metadata.uid);
    const AppRow* const before = world_.apps.find(name);
    const bool policy_moved =
        before != nullptr &&
        (before->app->spec.run != change.row.app->spec.run ||
         before->app->spec.boot.ports != change.row.app->spec.boot.ports ||
         before->app->spec.disconnect.stop_on_client_after != change.row.app->spec.disconnect.stop_on_client_after ||
         before->state.blue_green != change.row.state.blue_green || before->state.live != change.row.state.live);
    if (before != nullptr) use(*before->app, false);
    use(*change.row.app, true);
    world_.apps.set(name, change.row);
    touch_app(name);
    if (!policy_moved) return;
    for_each_instance(world_, name, [&](const InstanceId&, const InstanceRow& row) { goals_moved(row.node); });
  }

  void operator()(const RemoveApp& change) {
    const AppRow* const row = world_.apps.find(change.name);
    UNIK_CHECK(row != nullptr, "removing an app that is not there");
    use(*row->app, false);
    world_.apps.erase(change.name);
    world_.clocks.rollouts.erase(change.name);
    touch_app(change.name);
  }

  void operator()(const PutNode& change) {
    const Symbol name(change.row.node->metadata.name);
    world_.last_uid = std::max(world_.last_uid, change.row.node->metadata.uid);
    const NodeRow* const before = world_.nodes.find(name);
    if (before != nullptr) --world_.nodes_by_health[index_of(before->health)];
    ++world_.nodes_by_health[index_of(change.row.health)];
    // What runs there may have to leave, or to leave at once, or may stay again.
    const bool spec_moved = before != nullptr && before->node->spec != change.row.node->spec;
    world_.nodes.set(name, change.row);
    measure(name);
    touch_node(name);
    if (spec_moved)
      for_each_on_node(world_, name, [&](const InstanceId& id, const InstanceRow&) { touch_app(id.app_name()); });
    if (dirty_ != nullptr) dirty_->capacity = true;
  }

  void operator()(const RemoveNode& change) {
    const NodeRow* const row = world_.nodes.find(change.name);
    UNIK_CHECK(row != nullptr, "removing a node that is not there");
    --world_.nodes_by_health[index_of(row->health)];
    world_.nodes.erase(change.name);
    const NodeLoad* const load = world_.loads.find(change.name);
    UNIK_CHECK(load != nullptr && load->instances == 0, "removing a node that has instances");
    world_.loads.erase(change.name);
    world_.observed.erase(change.name);
    world_.clocks.nodes.erase(change.name);
    touch_node(change.name);
  }

  void operator()(const PutTenant& change) {
    world_.last_uid = std::max(world_.last_uid, change.row.tenant->metadata.uid);
    const Symbol name(change.row.tenant->metadata.name);
    const TenantRow* const before = world_.tenants.find(name);
    const RequireSignatures old = before == nullptr ? RequireSignatures{} : before->tenant->spec.require_signatures;
    const bool policy_moved = before != nullptr && before->tenant->spec.rollout != change.row.tenant->spec.rollout;
    world_.tenants.set(name, change.row);
    if (policy_moved) touch_apps_of(name);
    if (old != change.row.tenant->spec.require_signatures) goals_of_tenant_moved(name);
    // A raised quota or another selector may let in what waits.
    if (dirty_ != nullptr) dirty_->capacity = true;
  }

  void operator()(const RemoveTenant& change) {
    UNIK_CHECK(world_.tenants.erase(change.name), "removing a tenant that is not there");
  }

  void operator()(const PutTemplate& change) {
    if (const Shared<BootSpec>* const before = world_.templates.find(change.key))
      world_.by_image.erase(image_template(change.key, **before));
    world_.templates.set(change.key, change.boot);
    world_.by_image.set(image_template(change.key, *change.boot), {});
  }

  void operator()(const RemoveTemplate& change) {
    const Shared<BootSpec>* const row = world_.templates.find(change.key);
    UNIK_CHECK(row != nullptr, "removing a template that is not there");
    world_.by_image.erase(image_template(change.key, **row));
    world_.templates.erase(change.key);
  }

  void operator()(const PutInstance& change) {
    UNIK_CHECK(static_cast<bool>(change.row.status), "an instance without a status");
    const InstanceRow* const before = world_.instances.find(change.id);
    const bool moves = change.row.node.empty() != (before == nullptr || before->node.empty());
    const TenantUsage held = moves ? held_share(world_, change.id.app_name(), change.id.slot) : TenantUsage{};
    unload(change.id);
    world_.instances.set(change.id, change.row);
    load(change.id, change.row);
    if (moves) hold_otherwise(change.id, held);
    note_stranded(change.id, change.row);
    goals_moved(change.row.node);
    touch_app(change.id.app_name());
  }

  void operator()(const RemoveInstance& change) {
    const InstanceRow* const row = world_.instances.find(change.id);
    UNIK_CHECK(row != nullptr, "removing an instance that is not there");
    const Symbol node = row->node;
    const TenantUsage held = held_share(world_, change.id.app_name(), change.id.slot);
    unload(change.id);
    world_.unplaced.erase(change.id);
    world_.stranded.erase(change.id);
    world_.clocks.ready_since.erase(change.id);
    world_.instances.erase(change.id);
    if (!node.empty()) hold_otherwise(change.id, held);
    retire(change.id);
    goals_moved(node);
    touch_app(change.id.app_name());
  }

  void operator()(const ObserveInstance& change) {
    InstanceRow* const row = world_.instances.mutate(change.id);
    UNIK_CHECK(row != nullptr, "observing an instance that is not there");
    const bool took_room = takes_room(*row);
    row->status = change.status;
    note_stranded(change.id, *row);
    touch_app(change.id.app_name());
    if (took_room != takes_room(*row)) promise(change.id, *row, !took_room);
  }

  void operator()(const PutStray& change) {
    world_.strays.set(change.key, change.row);
    goals_moved(change.key.node);
    touch_app(change.key.id.app_name());
  }

  void operator()(const RemoveStray& change) {
    UNIK_CHECK(world_.strays.erase(change.key), "removing a stray that is not there");
    goals_moved(change.key.node);
    touch_app(change.key.id.app_name());
  }

  void operator()(const PutOperation& change) {
    const bool was_free = has_free_turn(world_);
    if (const Shared<Operation>* const before = world_.operations.find(change.key))
      uncount(world_, change.key, **before);
    world_.operations.set(change.key, change.operation);
    count(world_, change.key, *change.operation);
    // One that ends without ever having had its turn leaves its app to be planned.
    if (change.operation->kind != OperationKind::kBuild) touch_app(change.operation->target);
    if (dirty_ != nullptr) dirty_->turns ^= has_free_turn(world_) != was_free;
  }

  void operator()(const RemoveOperation& change) {
    const Shared<Operation>* const row = world_.operations.find(change.key);
    UNIK_CHECK(row != nullptr, "removing an operation that is not there");
    uncount(world_, change.key, **row);
    world_.operations.erase(change.key);
  }

  void operator()(const PutAnswer& change) { world_.answers.set(change.key, change.row); }

  void operator()(const RemoveAnswer& change) {
    UNIK_CHECK(world_.answers.erase(change.key), "removing an answer that is not there");
  }

  void operator()(const NoteTrace&) {}
  void operator()(const NoteEvent&) {}

 private:
  void touch_app(const AppName& app) {
    if (dirty_ != nullptr) dirty_->apps.insert(app);
  }
  void touch_apps_of(Symbol tenant) {
    for (auto it = world_.apps.lower_bound({tenant, Symbol()}); it != world_.apps.end() && it->first.tenant == tenant;
         ++it)
      touch_app(it->first);
  }
  void touch_node(Symbol node) {
    if (dirty_ != nullptr) dirty_->nodes.insert(node);
  }

  void use(const App& app, bool more) {
    const Symbol tenant(app.metadata.tenant);
    TenantTotals totals = totals_of(world_, tenant);
    more ? totals.declared += usage_of(app, app.spec.replicas) : totals.declared -= usage_of(app, app.spec.replicas);
    set_totals(tenant, totals);
  }

  // The slot held `before` when the change began.
  void hold_otherwise(const InstanceId& id, const TenantUsage& before) {
    const TenantUsage after = held_share(world_, id.app_name(), id.slot);
    if (after == before) return;
    TenantTotals totals = totals_of(world_, id.tenant);
    totals.placed += after;
    totals.placed -= before;
    set_totals(id.tenant, totals);
  }

  void set_totals(Symbol tenant, const TenantTotals& totals) {
    if (totals == TenantTotals{}) {
      world_.usage.erase(tenant);
    } else {
      world_.usage.set(tenant, totals);
    }
  }

  void goals_moved(Symbol node) {
    if (node.empty()) return;
    if (NodeRow* const row = world_.nodes.mutate(node)) row->goals_revision = world_.revision;
    touch_node(node);
  }

  // What its instances boot from is trusted by other keys from now on.
  void goals_of_tenant_moved(Symbol tenant) {
    std::set<Symbol> nodes;
    for (auto it = world_.instances.lower_bound(InstanceId{tenant, Symbol(), 0, 0, 0});
         it != world_.instances.end() && it->first.tenant == tenant; ++it)
      nodes.insert(it->second.node);
    for (const Symbol node : nodes) goals_moved(node);
  }

  Resources footprint_of(const InstanceId& id, Symbol node) const {
    const Shared<BootSpec>* const boot = world_.templates.find({id.app_name(), id.rollout});
    const NodeRow* const row = world_.nodes.find(node);
    UNIK_CHECK(boot != nullptr && row != nullptr, "an instance without its template or its node");
    return footprint(**boot, *row);
  }

  // From nothing, since the overhead of a VM there may have changed.
  void measure(Symbol node) {
    world_.loads.set(node, {});
    NodeLoad* const load = world_.loads.mutate(node);
    for_each_on_node(world_, node, [&](const InstanceId& id, const InstanceRow& row) {
      if (takes_room(row)) load->assigned += footprint_of(id, node);
      ++load->instances;
    });
  }

  NodeLoad& load_of(Symbol node) {
    NodeLoad* const load = world_.loads.mutate(node);
    UNIK_CHECK(load != nullptr, "an instance on a node without a load");
    return *load;
  }

  // Sets the instance's share of its node aside, or gives it back.
  void promise(const InstanceId& id, const InstanceRow& row, bool more) {
    if (row.node.empty()) return;
    Resources& assigned = load_of(row.node).assigned;
    more ? assigned += footprint_of(id, row.node) : assigned -= footprint_of(id, row.node);
    if (!more && dirty_ != nullptr) dirty_->capacity = true;
  }

  void load(const InstanceId& id, const InstanceRow& row) {
    if (row.node.empty()) {
      world_.unplaced.set(id, {});
      return;
    }
    world_.unplaced.erase(id);
    world_.by_node.set({row.node, id}, {});
    ++load_of(row.node).instances;
    if (takes_room(row)) promise(id, row, true);
  }

  void note_stranded(const InstanceId& id, const InstanceRow& row) {
    if (is_stranded(row)) {
      world_.stranded.set(id, {});
    } else {
      world_.stranded.erase(id);
    }
  }

  // Takes back what the row that is there now has loaded.
  void unload(const InstanceId& id) {
    const InstanceRow* const row = world_.instances.find(id);
    if (row == nullptr || row->node.empty()) return;
    world_.by_node.erase({row->node, id});
    --load_of(row->node).instances;
    if (takes_room(*row)) promise(id, *row, false);
    if (dirty_ != nullptr) dirty_->capacity = true;  // at least its tenant's quota
  }

  void retire(const InstanceId& id) {
    AppRow* const row = world_.apps.mutate(id.app_name());
    if (row == nullptr || (row->rollout != id.rollout && row->state.live != id.rollout)) return;
    std::uint32_t& attempt = (row->rollout == id.rollout ? row->retired : row->retired_live)[id.slot];
    attempt = std::max(attempt, id.attempt);
  }

  World& world_;
  Dirty* const dirty_;
};

}  // namespace

void merge(Dirty& into, Dirty from) {
  into.apps.merge(from.apps);
  into.nodes.merge(from.nodes);
  into.capacity |= from.capacity;
  into.everything |= from.everything;
  into.turns ^= from.turns;
}

void derive_usage(World& world) {
  std::map<Symbol, TenantTotals> totals;
  for (const auto& [name, row] : world.apps) totals[name.tenant].declared += usage_of(*row.app, row.app->spec.replicas);
  const InstanceId* last = nullptr;
  for (const auto& [id, row] : world.instances) {
    if (last == nullptr || last->app_name() != id.app_name() || last->slot != id.slot)
      totals[id.tenant].placed += held_share(world, id.app_name(), id.slot);
    last = &id;
  }
  world.usage = {};
  for (const auto& [tenant, one] : totals)
    if (one != TenantTotals{}) world.usage.set(tenant, one);
}

void derive(World& world) {
  world.by_node = {};
  world.active_operations = {};
  world.queued_operations = {};
  world.blocked_operations = {};
  world.unfinished_builds = {};
  world.operations_at_work = 0;
  world.loads = {};
  world.unplaced = {};
  world.stranded = {};
  world.by_image = {};
  for (const auto& [key, boot] : world.templates) world.by_image.set(image_template(key, *boot), {});
  // Instances of one app stand together and share their template; sorted by node they stand as `by_node` wants them.
  struct Placed {
    NodeInstance key;
    const BootSpec* boot = nullptr;
    bool takes_room = false;
  };
  std::vector<Placed> placed;
  placed.reserve(world.instances.size());
  TemplateKey key;
  const Shared<BootSpec>* boot = nullptr;
  for (const auto& [id, row] : world.instances) {
    if (row.node.empty()) {
      world.unplaced.set(id, {});
      continue;
    }
    if (const TemplateKey own{id.app_name(), id.rollout}; boot == nullptr || own != key) {
      key = own;
      boot = world.templates.find(key);
      UNIK_CHECK(boot != nullptr, "an instance without its template");
    }
    if (is_stranded(row)) world.stranded.set(id, {});
    placed.push_back({{row.node, id}, &**boot, takes_room(row)});
  }
  for (const auto& [operation_key, operation] : world.operations) count(world, operation_key, *operation);
  derive_usage(world);
  world.nodes_by_health = {};
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.key < b.key; });
  auto next = placed.cbegin();
  for (const auto& [name, row] : world.nodes) {
    ++world.nodes_by_health[index_of(row.health)];
    NodeLoad load;
    for (; next != placed.cend() && next->key.node == name; ++next) {
      world.by_node.set(next->key, {});
      if (next->takes_room) load.assigned += footprint(*next->boot, row);
      ++load.instances;
    }
    world.loads.set(name, load);
  }
  UNIK_CHECK(next == placed.cend(), "an instance on a node that is not there");
}

bool same_tables(const World& a, const World& b) {
  return a.revision == b.revision && a.cluster == b.cluster && a.last_uid == b.last_uid && a.apps == b.apps &&
         a.nodes == b.nodes && a.tenants == b.tenants && a.templates == b.templates && a.instances == b.instances &&
         a.strays == b.strays && a.operations == b.operations && a.answers == b.answers && a.by_node == b.by_node &&
         a.active_operations == b.active_operations && a.queued_operations == b.queued_operations &&
         a.blocked_operations == b.blocked_operations && a.unfinished_builds == b.unfinished_builds &&
         a.operations_at_work == b.operations_at_work && a.loads == b.loads && a.unplaced == b.unplaced &&
         a.stranded == b.stranded && a.by_image == b.by_image && a.nodes_by_health == b.nodes_by_health &&
         a.usage == b.usage;
}

Shared<SeenBody> seen_body(const World& world, const ReportBody& body) {
  SeenBody seen;
  seen.instances.reserve(body.instances.size());
  for (const ObservedInstance& one : body.instances) {
    const InstanceRow* const row = world.instances.find(one.id);
    const bool is_known = row != nullptr && *row->status == one.status;
    seen.instances.push_back({one.id, is_known ? row->status : Shared<InstanceStatus>(one.status)});
  }
  std::sort(seen.instances.begin(), seen.instances.end(),
            [](const SeenInstance& a, const SeenInstance& b) { return a.id < b.id; });
  seen.publications = body.publications;
  seen.used = body.used;
  return seen;
}

void share_tables(World& into, const World& from) {
  UNIK_CHECK(into.revision == from.revision, "the tables of another record");
  into.apps = from.apps;
  into.nodes = from.nodes;
  into.tenants = from.tenants;
  into.templates = from.templates;
  into.instances = from.instances;
  into.strays = from.strays;
  into.operations = from.operations;
  into.answers = from.answers;
  into.by_node = from.by_node;
  into.active_operations = from.active_operations;
  into.queued_operations = from.queued_operations;
  into.blocked_operations = from.blocked_operations;
  into.unfinished_builds = from.unfinished_builds;
  into.loads = from.loads;
  into.unplaced = from.unplaced;
  into.stranded = from.stranded;
  into.by_image = from.by_image;
  into.usage = from.usage;
}

void apply(World& world, const Change& change, Dirty* dirty) {
  std::visit(Fold(world, dirty), change);
}

void apply(World& world, const Record& record, Dirty* dirty) {
  UNIK_CHECK(record.seq == world.revision + 1, "a record that is not the next");
  world.revision = record.seq;
  for (const Change& change : record.changes) apply(world, change, dirty);
}

TenantUsage& TenantUsage::operator+=(const TenantUsage& other) {
  instances += other.instances;
  resources += other.resources;
  return *this;
}

TenantUsage& TenantUsage::operator-=(const TenantUsage& other) {
  instances -= other.instances;
  resources -= other.resources;
  return *this;
}

TenantUsage usage_of(const App& app, std::uint32_t instances) {
  const Resources& one = app.spec.boot.resources;
  return {instances, {MilliCpu{one.cpu.value * instances}, Bytes{one.memory.value * instances}}};
}

TenantUsage held_share(const World& world, const AppName& app, std::uint32_t slot) {
  TenantUsage held;
  for (auto it = world.instances.lower_bound(InstanceId{app.tenant, app.app, slot, 0, 0});
       it != world.instances.end() && it->first.slot == slot && it->first.app_name() == app; ++it) {
    if (it->second.node.empty()) continue;
    const Shared<BootSpec>* const boot = world.templates.find({app, it->first.rollout});
    UNIK_CHECK(boot != nullptr, "an instance without its template");
    const Resources& one = (*boot)->resources;
    held.instances = 1;
    held.resources.cpu = std::max(held.resources.cpu, one.cpu);
    held.resources.memory = std::max(held.resources.memory, one.memory);
  }
  return held;
}

TenantTotals totals_of(const World& world, Symbol tenant) {
  const TenantTotals* const totals = world.usage.find(tenant);
  return totals == nullptr ? TenantTotals{} : *totals;
}

bool has_free_turn(const World& world) {
  return world.operations_at_work < world.max_operations;
}

bool takes_room(const InstanceRow& row) {
  // Goals that ask for it may still be under way, also after the stop was planned.
  const bool may_start_again = row.status->reason == kNoGoal;
  return !is_final(*row.status) || may_start_again;
}

bool cannot_be_started(const InstanceStatus& status) {
  return status.phase == Phase::kPending && status.reason == "launch_failed";
}

Resources footprint(const BootSpec& boot, const NodeRow& node) {
  Resources need = boot.resources;
  if (node.info) need.memory += node.info->overhead;
  return need;
}

Resources allocatable(const NodeRow& node) {
  if (!node.info) return {};
  Resources free = node.info->capacity;
  free -= node.node->spec.reserved;
  free.cpu = std::max(free.cpu, MilliCpu{});
  free.memory = std::max(free.memory, Bytes{});
  return free;
}

std::string_view to_string(NodeHealth health) {
  switch (health) {
    case NodeHealth::kNeverSeen:
      return "never_seen";
    case NodeHealth::kReady:
      return "ready";
    case NodeHealth::kUnknown:
      return "unknown";
    case NodeHealth::kLost:
      return "lost";
  }
  UNIK_CHECK(false, "a node health outside the enumeration");
}

std::optional<NodeHealth> parse_node_health(std::string_view text) {
  for (const NodeHealth health : {NodeHealth::kNeverSeen, NodeHealth::kReady, NodeHealth::kUnknown, NodeHealth::kLost})
    if (to_string(health) == text) return health;
  return std::nullopt;
}

std::string_view to_string(RolloutPhase phase) {
  switch (phase) {
    case RolloutPhase::kProgressing:
      return "progressing";
    case RolloutPhase::kDone:
      return "done";
    case RolloutPhase::kPaused:
      return "paused";
    case RolloutPhase::kFailed:
      return "failed";
  }
  UNIK_CHECK(false, "a rollout phase outside the enumeration");
}

std::optional<RolloutPhase> parse_rollout_phase(std::string_view text) {
  for (const RolloutPhase phase :
       {RolloutPhase::kProgressing, RolloutPhase::kDone, RolloutPhase::kPaused, RolloutPhase::kFailed})
    if (to_string(phase) == text) return phase;
  return std::nullopt;
}

std::string_view to_string(TemplateOutcome outcome) {
  switch (outcome) {
    case TemplateOutcome::kPending:
      return "pending";
    case TemplateOutcome::kGood:
      return "good";
    case TemplateOutcome::kFailed:
      return "failed";
    case TemplateOutcome::kReplaced:
      return "replaced";
  }
  UNIK_CHECK(false, "a template's outcome outside the enumeration");
}

std::optional<TemplateOutcome> parse_template_outcome(std::string_view text) {
  for (const TemplateOutcome outcome :
       {TemplateOutcome::kPending, TemplateOutcome::kGood, TemplateOutcome::kFailed, TemplateOutcome::kReplaced})
    if (to_string(outcome) == text) return outcome;
  return std::nullopt;
}

std::string_view to_string(InstanceGoal goal) {
  return goal == InstanceGoal::kRun ? "run" : "stop";
}

std::optional<InstanceGoal> parse_instance_goal(std::string_view text) {
  if (text == "run") return InstanceGoal::kRun;
  if (text == "stop") return InstanceGoal::kStop;
  return std::nullopt;
}

std::string to_string(const OperationKey& key) {
  return "op-" + std::to_string(key.seq) + "-" + std::to_string(key.index);
}

std::optional<OperationKey> parse_operation_key(std::string_view text) {
  if (!text.starts_with("op-")) return std::nullopt;
  text.remove_prefix(3);
  OperationKey key;
  const char* const end = text.data() + text.size();
  const auto seq = std::from_chars(text.data(), end, key.seq);
  if (seq.ec != std::errc() || seq.ptr == end || *seq.ptr != '-') return std::nullopt;
  const auto index = std::from_chars(seq.ptr + 1, end, key.index);
  if (index.ec != std::errc() || index.ptr != end) return std::nullopt;
  return key;
}

}  // namespace unik::controller
