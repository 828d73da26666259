#include "controller/core/admit.hpp"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "api/lease.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/field_diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/quota.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/core/strict.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

// Nodes' clocks are not ours, but no clock is off by so much.
constexpr Duration kMostClockError = std::chrono::hours(24 * 365 * 10);

Fault fault_in(const Resource& resource, std::string path, std::string message) {
  const Metadata& metadata = metadata_of(resource);
  std::string object = std::string(names_of(kind_of(resource)).singular) + "/" + metadata.name;
  return Fault{std::move(object), 0, 0, std::move(path), std::move(message)};
}

bool is_agent_id(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

bool names_a_digest(std::string_view image) {
  constexpr std::string_view kMark = "@sha256:";
  const std::size_t at = image.rfind(kMark);
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view hex = image.substr(at + kMark.size());
  return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A file that tells what it was made from must not undo what came since. It may be applied twice: what would change
// nothing is as declared, whatever came between.
template <typename Value>
void check_origin(const Resource& resource, Value value, const Value* before, std::vector<Fault>& faults) {
  if (before == nullptr) return;
  const Metadata& now = before->metadata;
  const std::string object = std::string(names_of(kind_of(resource)).singular) + " `" + now.name + "`";
  const std::uint64_t uid = std::exchange(value.metadata.uid, now.uid);
  const std::uint64_t generation = std::exchange(value.metadata.generation, now.generation);
  if (uid != 0 && uid != now.uid)
    faults.push_back(fault_in(resource, "metadata.uid",
                              "want " + std::to_string(now.uid) + ", the uid of " + object + ", got " +
                                  std::to_string(uid) + ": that one is gone; leave `uid` out to change its namesake"));
  else if (generation != 0 && generation != now.generation && value != *before)
    faults.push_back(fault_in(resource, "metadata.generation",
                              "want " + std::to_string(now.generation) + ", where " + object + " is, got " +
                                  std::to_string(generation) + ": take over what has changed since (`unikctl get " +
                                  std::string(names_of(kind_of(resource)).singular) + " " + now.name +
                                  " -o yaml`), or leave `generation` out to change it whatever it is"));
}

// What the schemas cannot say of an App.
void check_app(const Resource& resource, const App& app, std::vector<Fault>& faults) {
  const AppSpec& spec = app.spec;
  if (!spec.source.empty())
    faults.push_back(
        fault_in(resource, "spec.source", "want an image: a source directory is built by `unikctl apply`"));
  else if (!names_a_digest(spec.boot.image))
    faults.push_back(fault_in(resource, "spec.image", "want NAME@sha256:DIGEST, got `" + spec.boot.image + "`"));
  if (spec.boot.resources.memory < kLeastMemory)
    faults.push_back(
        fault_in(resource, "spec.resources.memory",
                 "want at least " + format_bytes(kLeastMemory) + ", got " + format_bytes(spec.boot.resources.memory)));
  if (spec.boot.resources.cpu < kLeastCpu)
    faults.push_back(fault_in(
        resource, "spec.resources.cpu",
        "want at least " + format_milli_cpu(kLeastCpu) + ", got " + format_milli_cpu(spec.boot.resources.cpu)));
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  for (const Port& port : spec.boot.ports) {
    if (!names.insert(port.name).second)
      faults.push_back(fault_in(resource, "spec.ports", "the name `" + port.name + "` is given twice"));
    if (!numbers.insert(port.port).second)
      faults.push_back(fault_in(resource, "spec.ports", "port " + std::to_string(port.port) + " is given twice"));
  }
  if (spec.run.health && !numbers.contains(spec.run.health->port))
    faults.push_back(fault_in(resource, "spec.health",
                              "port " + std::to_string(spec.run.health->port) + " is not among spec.ports"));
}

void check_limits(const Resource& resource, const App& app, const InstanceLimits& limits, std::vector<Fault>& faults) {
  const Resources& wanted = app.spec.boot.resources;
  if (limits.cpu != MilliCpu{} && wanted.cpu > limits.cpu)
    faults.push_back(fault_in(resource, "spec.resources.cpu",
                              "the tenant allows at most " + format_milli_cpu(limits.cpu) + " an instance, got " +
                                  format_milli_cpu(wanted.cpu)));
  if (limits.memory != Bytes{} && wanted.memory > limits.memory)
    faults.push_back(fault_in(resource, "spec.resources.memory",
                              "the tenant allows at most " + format_bytes(limits.memory) + " an instance, got " +
                                  format_bytes(wanted.memory)));
}

// Two apps cannot have one host port; the other one is named. What counts is how things stand after the request, in
// whatever order it says so: a port may go from one of its apps to another.
class HostPorts {
 public:
  HostPorts(const World& world, const std::vector<Resource>& asked) {
    std::map<AppName, const App*> next;
    for (const Resource& resource : asked)
      if (const App* const app = std::get_if<App>(&resource)) next[app->name()] = app;
    for (const auto& [name, row] : world.apps) {
      if (row.deleting) continue;
      const auto found = next.find(name);
      found == next.end() ? claim(name, *row.app) : claim_kept(name, *row.app, *found->second);
    }
  }

  void claim(const AppName& name, const App& app) {
    for (const Publication& publication : app.spec.run.publications)
      if (publication.host_port) owners_.emplace(*publication.host_port, name);
  }

  std::optional<AppName> other_owner(std::uint16_t port, const AppName& self) const {
    const auto owner = owners_.find(port);
    if (owner == owners_.end() || owner->second == self) return std::nullopt;
    return owner->second;
  }

  bool is_kept(std::uint16_t port) const { return kept_.contains(port); }

 private:
  // Who has a port and keeps it comes before who asks for it.
  void claim_kept(const AppName& name, const App& before, const App& after) {
    for (const Publication& had : before.spec.run.publications)
      for (const Publication& has : after.spec.run.publications)
        if (had.host_port && had.host_port == has.host_port && owners_.emplace(*had.host_port, name).second)
          kept_.insert(*had.host_port);
  }

  std::map<std::uint16_t, AppName> owners_;
  std::set<std::uint16_t> kept_;
};

// What belongs to another tenant is not named.
std::string owner_name(const AppName& owner, const App& asking) {
  return owner.tenant == Symbol(asking.metadata.tenant) ? "app " + to_string(owner) : "another tenant";
}

// Ports are sorted by name, so a number would name another one than the user's.
std::string publish_path(const App& app, const Publication& publication) {
  const bool alone = app.spec.boot.ports.size() == 1;
  return "spec.ports[" + (alone ? "0" : publication.port_name) + "].publish";
}

// What is wrong with a request by itself, and what only stands against what is there.
struct Findings {
  std::vector<Fault> faults;
  std::vector<Fault> clashes;
};

// `asked` are the apps of this very request that came before.
void check_host_ports(const Resource& resource, const App& app, const HostPorts& ports, const std::set<AppName>& asked,
                      Findings& found) {
  std::set<std::uint16_t> own;
  for (const Publication& publication : app.spec.run.publications) {
    if (!publication.host_port) continue;
    const std::string number = std::to_string(*publication.host_port);
    const std::string path = publish_path(app, publication);
    if (!own.insert(*publication.host_port).second)
      found.faults.push_back(fault_in(resource, path, "host port " + number + " is published twice"));
    const auto owner = ports.other_owner(*publication.host_port, app.name());
    if (!owner) continue;
    (asked.contains(*owner) && !ports.is_kept(*publication.host_port) ? found.faults : found.clashes)
        .push_back(fault_in(resource, path,
                            "host port " + number + " is published by " + owner_name(*owner, app) + " already"));
  }
}

const TenantRow* tenant_of(const World& world, const App& app) {
  return world.tenants.find(Symbol(app.metadata.tenant));
}

// Fills what the tenant decides for apps that leave it open.
void take_defaults(App& app, const TenantSpec& tenant) {
  Resources& resources = app.spec.boot.resources;
  if (resources.cpu == MilliCpu{}) resources.cpu = tenant.default_resources.cpu;
  if (resources.memory == Bytes{}) resources.memory = tenant.default_resources.memory;
}

class Applier {
 public:
  Applier(Draft& draft, const ApplyRequest& request) : draft_(draft), request_(request) {}

  Result<ApplyReply> run() {
    std::vector<Resource> resources = request_.resources;
    Findings found = check(resources);
    if (std::vector<Fault>& faults = found.faults; !faults.empty()) {
      Error error = invalid(
          "invalid_spec", faults.size() == 1
                              ? "nothing was applied: one field is not acceptable"
                              : "nothing was applied: " + std::to_string(faults.size()) + " fields are not acceptable");
      error.details = std::move(faults);
      return error;
    }
    if (!found.clashes.empty()) {
      Error error = conflict("host_port_taken", "nothing was applied: choose another host port, or `publish: auto`");
      error.details = std::move(found.clashes);
      return error;
    }
    if (Result<void> origins = check_origins(resources); !origins) return std::move(origins).error();
    if (Result<void> quota = check_quotas(resources); !quota) return std::move(quota).error();
    const std::size_t before = draft_.plan().changes.size();
    for (const Resource& resource : resources) std::visit([this](const auto& value) { put(value); }, resource);
    const bool changed = draft_.plan().changes.size() > before;
    reply_.revision = draft_.world().revision - (changed ? 0 : 1);
    return std::move(reply_);
  }

 private:
  // Also fills the tenants' defaults in.
  Findings check(std::vector<Resource>& resources) const {
    Findings found;
    std::vector<Fault>& faults = found.faults;
    std::map<std::string, TenantSpec> tenants;  // those that this very request declares
    for (const Resource& resource : resources)
      if (const Tenant* const tenant = std::get_if<Tenant>(&resource)) tenants[tenant->metadata.name] = tenant->spec;
    HostPorts ports(draft_.world(), resources);
    std::set<AppName> asked;
    for (Resource& resource : resources) {
      App* const app = std::get_if<App>(&resource);
      if (app == nullptr) continue;
      const TenantRow* const row = tenant_of(draft_.world(), *app);
      const auto declared = tenants.find(app->metadata.tenant);
      if (declared == tenants.end() && row == nullptr) {
        faults.push_back(fault_in(resource, "metadata.tenant", "there is no tenant `" + app->metadata.tenant + "`"));
        continue;
      }
      const TenantSpec& policy = declared != tenants.end() ? declared->second : row->tenant->spec;
      take_defaults(*app, policy);
      check_limits(resource, *app, policy.limits, faults);
      check_app(resource, *app, faults);
      check_host_ports(resource, *app, ports, asked, found);
      ports.claim(app->name(), *app);
      asked.insert(app->name());
    }
    return found;
  }

  const App* declared(const App& app) const {
    const AppRow* const row = draft_.world().apps.find(app.name());
    return row == nullptr || row->deleting ? nullptr : &*row->app;
  }
  const Node* declared(const Node& node) const {
    const NodeRow* const row = draft_.world().nodes.find(Symbol(node.metadata.name));
    return row == nullptr ? nullptr : &*row->node;
  }
  const Tenant* declared(const Tenant& tenant) const {
    const TenantRow* const row = draft_.world().tenants.find(Symbol(tenant.metadata.name));
    return row == nullptr ? nullptr : &*row->tenant;
  }

  Result<void> check_origins(const std::vector<Resource>& resources) const {
    std::vector<Fault> faults;
    for (const Resource& resource : resources)
      std::visit([&](const auto& value) { check_origin(resource, value, declared(value), faults); }, resource);
    if (faults.empty()) return {};
    Error error = faults.front().path == "metadata.uid"
                      ? conflict("uid_mismatch", "nothing was applied: it was made for another object of this name")
                      : conflict("stale_generation", "nothing was applied: it was made from an older generation");
    error.details = std::move(faults);
    return error;
  }

  // What the tenants would use with all of `resources` in place.
  Result<void> check_quotas(const std::vector<Resource>& resources) const {
    const World& world = draft_.world();
    std::map<std::string, TenantUsage> after;
    std::map<std::string, Quota> quotas;
    const auto usage_now = [&](const std::string& tenant) {
      const TenantUsage* const usage = world.usage.find(Symbol(tenant));
      return usage == nullptr ? TenantUsage{} : *usage;
    };
    for (const Resource& resource : resources) {
      if (const Tenant* const tenant = std::get_if<Tenant>(&resource))
        quotas[tenant->metadata.name] = tenant->spec.quota;
      const App* const app = std::get_if<App>(&resource);
      if (app == nullptr) continue;
      TenantUsage& usage = after.try_emplace(app->metadata.tenant, usage_now(app->metadata.tenant)).first->second;
      if (const AppRow* const row = world.apps.find(app->name())) usage -= usage_of(*row->app, row->app->spec.replicas);
      usage += usage_of(*app, app->spec.replicas);
    }
    for (const auto& [tenant, usage] : after) {
      const TenantRow* const row = world.tenants.find(Symbol(tenant));
      if (row != nullptr) quotas.try_emplace(tenant, row->tenant->spec.quota);
      if (Result<void> checked = check_quota(tenant, quotas[tenant], usage_now(tenant), usage); !checked)
        return checked;
    }
    return {};
  }

  std::uint64_t next_uid() const { return draft_.world().last_uid + 1; }

  void report(const Resource* before, const Resource& after, bool same) {
    const Metadata& metadata = metadata_of(after);
    AppliedObject object;
    object.kind = kind_of(after);
    object.tenant = metadata.tenant;
    object.name = metadata.name;
    object.generation = metadata.generation;
    if (!same) {
      object.verb = before == nullptr ? ApplyVerb::kCreated : ApplyVerb::kUpdated;
      object.changes = field_changes(before, &after);
      if (before != nullptr) object.effect = effect_between(*before, after);
    }
    reply_.objects.push_back(std::move(object));
  }

  // After a rollback what runs is not what was declared: going back to that in the file, too, starts nothing again.
  void calm_if_running(const App& before, const App& after, const BootSpec& running) {
    if (running != after.spec.boot) return;
    AppliedObject& object = reply_.objects.back();
    App seen = before;
    seen.spec.boot = running;
    object.effect = effect_between(Resource(std::move(seen)), Resource(after));
    for (FieldChange& change : object.changes)
      if (change.effect == ChangeEffect::kRestart) change.effect = ChangeEffect::kNone;
  }

  // Gives `value` its uid and generation; whether it equals what is there.
  template <typename Value>
  bool settle(Value& value, const Value* before) const {
    value.metadata.uid = before == nullptr ? next_uid() : before->metadata.uid;
    value.metadata.generation = before == nullptr ? 1 : before->metadata.generation;
    if (before == nullptr) return false;
    if (value.spec != before->spec) ++value.metadata.generation;
    return value == *before;
  }

  void put(App app) {
    const AppName name = app.name();
    const AppRow* const row = draft_.world().apps.find(name);
    app.spec.boot.check = target_of(app.spec.run.health);
    const App* const before = declared(app);
    const bool same = settle(app, before);
    const std::optional<Resource> old = before == nullptr ? std::nullopt : std::optional<Resource>(*before);
    std::optional<BootSpec> running;
    if (const auto* const boot = draft_.world().templates.find({name, row == nullptr ? 0 : row->rollout});
        before && boot)
      running = **boot;
    if (!same) {
      AppRow next;
      if (before != nullptr) next = *row;
      if (before == nullptr) next.created_at = draft_.now().wall;
      next.updated_at = draft_.now().wall;
      next.app = app;
      if (row != nullptr && row->deleting) stop_all(name);
      const bool unproved = !next.history.empty() && next.history.back().outcome == TemplateOutcome::kPending;
      if (before != nullptr && before->spec.replicas == 0 && unproved) next.state.phase = RolloutPhase::kProgressing;
      if (before == nullptr || before->spec.boot != app.spec.boot)
        begin_rollout(next, draft_, app.spec.boot, false, request_.why);
      else if (!next.history.empty() && runs_what_is_declared(draft_.world(), *row))
        next.history.back().health = app.spec.run.health;
      draft_.change(PutApp{std::move(next)});
    }
    report(old ? &*old : nullptr, app, same);
    if (running) calm_if_running(std::get<App>(*old), app, *running);
    if (old && evicts(std::get<App>(*old), app)) mark_evicting({"spec.placement.tolerations"});
    if (request_.follow) follow(app);
  }

  // The instances of a namesake that is being deleted go, even where they are like those of the new one.
  void stop_all(const AppName& name) {
    std::vector<InstanceId> running;
    for_each_instance(draft_.world(), name, [&](const InstanceId& id, const InstanceRow& row) {
      if (row.goal == InstanceGoal::kRun) running.push_back(id);
    });
    for (const InstanceId& id : running) {
      InstanceRow row = *draft_.world().instances.find(id);
      row.goal = InstanceGoal::kStop;
      row.goal_revision = draft_.world().revision;
      draft_.change(PutInstance{id, std::move(row)});
    }
  }

  void put(Node node) {
    const Symbol name(node.metadata.name);
    const NodeRow* const row = draft_.world().nodes.find(name);
    const std::optional<Resource> old = row == nullptr ? std::nullopt : std::optional<Resource>(*row->node);
    const bool same = settle(node, declared(node));
    if (!same) {
      NodeRow next;
      if (row != nullptr) next = *row;
      if (row == nullptr) next.created_at = draft_.now().wall;
      if (row == nullptr) next.goals_revision = draft_.world().revision;
      next.node = node;
      draft_.change(PutNode{std::move(next)});
    }
    report(old ? &*old : nullptr, node, same);
    if (old && evicts(std::get<Node>(*old), node)) mark_evicting({"spec.taints", "spec.drain.enabled"});
  }

  // Whether what runs has to leave a node by the one, and had not to by the other.
  bool evicts(const App& before, const App& after) const {
    bool any = false;
    for_each_instance(draft_.world(), after.name(), [&](const InstanceId&, const InstanceRow& row) {
      const NodeRow* const node = draft_.world().nodes.find(row.node);
      any |= node != nullptr && would_move(row, after) && leaves(*node, after) && !leaves(*node, before);
    });
    return any;
  }
  bool evicts(const Node& before, const Node& after) const {
    NodeRow was, is;
    was.node = before;
    is.node = after;
    bool any = false;
    for_each_on_node(draft_.world(), Symbol(after.metadata.name), [&](const InstanceId& id, const InstanceRow& row) {
      const AppRow* const app = draft_.world().apps.find(id.app_name());
      any |= app != nullptr && would_move(row, *app->app) && leaves(is, *app->app) && !leaves(was, *app->app);
    });
    return any;
  }
  // What has ended stays where it ended, and jobs end where they are.
  static bool would_move(const InstanceRow& row, const App& app) {
    return row.goal == InstanceGoal::kRun && row.status->phase != Phase::kExited && !is_job(app);
  }
  bool leaves(const NodeRow& node, const App& app) const {
    return leaving(draft_.world(), node, app, draft_.now().boot) != Leaving::kNo;
  }

  // By the fields that did it.
  void mark_evicting(std::initializer_list<std::string_view> paths) {
    AppliedObject& object = reply_.objects.back();
    object.effect = ChangeEffect::kReplace;
    for (FieldChange& change : object.changes)
      if (std::ranges::find(paths, change.path) != paths.end()) change.effect = ChangeEffect::kReplace;
  }

  void put(Tenant tenant) {
    const TenantRow* const row = draft_.world().tenants.find(Symbol(tenant.metadata.name));
    const std::optional<Resource> old = row == nullptr ? std::nullopt : std::optional<Resource>(*row->tenant);
    const bool same = settle(tenant, declared(tenant));
    if (!same) {
      TenantRow next;
      next.created_at = row == nullptr ? draft_.now().wall : row->created_at;
      next.tenant = tenant;
      draft_.change(PutTenant{std::move(next)});
    }
    report(old ? &*old : nullptr, tenant, same);
  }

  // The newest that brought this very generation up: the same asked for again is answered the same, until it changes.
  const Operation* done_already(const App& app) const {
    const Operation* newest = nullptr;
    for (const auto& [key, operation] : draft_.world().operations)
      if (operation->kind == OperationKind::kDeploy && operation->uid == app.metadata.uid &&
          operation->generation == app.metadata.generation)
        newest = &*operation;
    return newest != nullptr && newest->state == OperationState::kSucceeded ? newest : nullptr;
  }

  // The operation of this very generation if there is one, else a new one.
  void follow(const App& app) {
    const AppName name = app.name();
    const auto& active = draft_.world().active_operations;
    for (auto it = active.lower_bound({name, {}}); it != active.end() && it->first.app == name; ++it) {
      const Operation& operation = **draft_.world().operations.find(it->first.key);
      if (operation.kind != OperationKind::kDeploy || operation.uid != app.metadata.uid ||
          operation.generation != app.metadata.generation)
        continue;
      reply_.operations.push_back(operation);
      return;
    }
    if (const Operation* const done = done_already(app)) return reply_.operations.push_back(*done);
    Operation operation;
    const OperationKey key{draft_.world().revision, next_operation_index(draft_.world())};
    operation.operation_id = to_string(key);
    operation.target = name;
    operation.uid = app.metadata.uid;
    operation.generation = app.metadata.generation;
    operation.trace_id = request_.trace_id;
    operation.created_at = operation.updated_at = draft_.now().wall;
    reply_.operations.push_back(operation);
    draft_.change(PutOperation{key, std::move(operation)});
  }

 public:
  // The first free one of the record under construction.
  static std::uint32_t next_operation_index(const World& world) {
    std::uint32_t index = 0;
    const auto& operations = world.operations;
    for (auto it = operations.lower_bound({world.revision, 0}); it != operations.end(); ++it)
      index = it->first.index + 1;
    return index;
  }

 private:
  Draft& draft_;
  const ApplyRequest& request_;
  ApplyReply reply_;
};

Error no_such(Kind kind, const std::string& name) {
  return not_found(std::string(names_of(kind).singular) + "_not_found",
                   "there is no " + std::string(names_of(kind).singular) + " `" + name + "`");
}

AppliedObject deleted(Kind kind, const Metadata& metadata) {
  AppliedObject object;
  object.kind = kind;
  object.tenant = metadata.tenant;
  object.name = metadata.name;
  object.verb = ApplyVerb::kDeleted;
  object.generation = metadata.generation;
  object.effect = kind == Kind::kApp ? ChangeEffect::kReplace : ChangeEffect::kNone;
  return object;
}

// The destroy that is under way already, or a new one.
Operation destroy_app(Draft& draft, const AppName& name, const std::string& trace_id) {
  AppRow row = *draft.world().apps.find(name);
  const std::uint64_t uid = row.app->metadata.uid;
  const auto& active = draft.world().active_operations;
  for (auto it = active.lower_bound({name, {}}); it != active.end() && it->first.app == name; ++it) {
    const Operation& operation = **draft.world().operations.find(it->first.key);
    if (operation.kind == OperationKind::kDestroy && operation.uid == uid) return operation;
  }
  const OperationKey key{draft.world().revision, Applier::next_operation_index(draft.world())};
  Operation operation;
  operation.operation_id = to_string(key);
  operation.kind = OperationKind::kDestroy;
  operation.target = name;
  operation.uid = uid;
  operation.generation = row.app->metadata.generation;
  operation.trace_id = trace_id;
  operation.created_at = operation.updated_at = draft.now().wall;
  if (!row.deleting) {
    row.deleting = true;
    row.updated_at = draft.now().wall;
    draft.change(PutApp{std::move(row)});
  }
  draft.change(PutOperation{key, operation});
  return operation;
}

Result<ApplyReply> delete_apps(Draft& draft, const DeleteRequest& request) {
  std::set<AppName> names;
  for (const std::string& name : request.names) {
    const AppName app{Symbol(request.tenant), Symbol(name)};
    if (!draft.world().apps.contains(app)) return no_such(Kind::kApp, name);
    names.insert(app);
  }
  ApplyReply reply;
  for (const AppName& name : names) {
    reply.objects.push_back(deleted(Kind::kApp, draft.world().apps.find(name)->app->metadata));
    reply.operations.push_back(destroy_app(draft, name, request.trace_id));
  }
  reply.revision = draft.world().revision;
  return reply;
}

// What has ended is not moved by a drain: it would do its work a second time.
std::string how_to_empty(const World& world, Symbol node) {
  std::optional<InstanceId> ended;
  bool all_ended = true;
  for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow& row) {
    if (takes_room(row)) all_ended = false;
    if (!takes_room(row) && !ended) ended = id;
  });
  if (!all_ended || !ended) return "drain it first (`unikctl node drain " + node.str() + "`)";
  return "what has ended there goes with its app (`unikctl destroy " + ended->app.str() + "`)";
}

Result<ApplyReply> delete_nodes(Draft& draft, const DeleteRequest& request) {
  for (const std::string& name : request.names) {
    if (!draft.world().nodes.contains(Symbol(name))) return no_such(Kind::kNode, name);
    const bool lost = draft.world().nodes.find(Symbol(name))->health == NodeHealth::kLost;
    if (const NodeLoad* const load = draft.world().loads.find(Symbol(name)); load->instances > 0 && !lost)
      return conflict("node_in_use", "node `" + name + "` has " + counted(load->instances, "instance") + ": " +
                                         how_to_empty(draft.world(), Symbol(name)));
    // Of a lost node nobody will ever say that its instances are gone, and a strict one may still have its lease.
    if (const std::optional<InstanceId> strict = strict_instance_on(draft.world(), Symbol(name)))
      return conflict("node_in_use", "node `" + name + "` may still run the strict singleton " + short_name(*strict) +
                                         ": wait until it has been replaced, or destroy its app first");
    if (const auto over = all_leases_over_at(draft.world(), Symbol(name)); lost && over && draft.now().boot < *over)
      return conflict("node_in_use",
                      "node `" + name + "` may still run a strict singleton that is in quarantine: wait " +
                          "until it has been silent for " + format_duration(kStrictLease + kStrictMargin));
  }
  ApplyReply reply;
  for (const std::string& name : std::set(request.names.begin(), request.names.end())) {
    reply.objects.push_back(deleted(Kind::kNode, draft.world().nodes.find(Symbol(name))->node->metadata));
    // Of a lost node nobody will ever say that they are gone. Should it return, they are strays and are stopped.
    std::vector<InstanceId> instances;
    for_each_on_node(draft.world(), Symbol(name),
                     [&](const InstanceId& id, const InstanceRow&) { instances.push_back(id); });
    for (const InstanceId& id : instances) draft.change(RemoveInstance{id});
    std::vector<StrayKey> strays;
    for_each_stray(draft.world(), Symbol(name), [&](const InstanceId& id, const StrayRow&) {
      strays.push_back({Symbol(name), id});
    });
    for (const StrayKey& stray : strays) draft.change(RemoveStray{stray});
    draft.change(RemoveNode{Symbol(name)});
  }
  reply.revision = draft.world().revision;
  return reply;
}

Result<ApplyReply> delete_tenants(Draft& draft, const DeleteRequest& request) {
  for (const std::string& name : request.names) {
    if (name == kDefaultTenant) return conflict("default_tenant", "the tenant `default` cannot be deleted");
    if (!draft.world().tenants.contains(Symbol(name))) return no_such(Kind::kTenant, name);
    const auto first = draft.world().apps.lower_bound({Symbol(name), {}});
    if (first != draft.world().apps.end() && first->first.tenant == Symbol(name))
      return conflict("tenant_in_use", "tenant `" + name + "` still has the app `" + first->first.app.str() + "`");
  }
  ApplyReply reply;
  for (const std::string& name : std::set(request.names.begin(), request.names.end())) {
    reply.objects.push_back(deleted(Kind::kTenant, draft.world().tenants.find(Symbol(name))->tenant->metadata));
    draft.change(RemoveTenant{Symbol(name)});
  }
  reply.revision = draft.world().revision;
  return reply;
}

}  // namespace

Result<ApplyReply> admit_apply(Draft& draft, const ApplyRequest& request) {
  return Applier(draft, request).run();
}

Result<ApplyReply> admit_delete(Draft& draft, const DeleteRequest& request) {
  if (request.names.empty()) return invalid("no_names", "want at least one name to delete");
  switch (request.kind) {
    case Kind::kApp:
      return delete_apps(draft, request);
    case Kind::kNode:
      return delete_nodes(draft, request);
    case Kind::kTenant:
      return delete_tenants(draft, request);
  }
  return invalid("bad_kind", "this kind cannot be deleted");
}

Result<ApplyReply> admit_cordon(Draft& draft, const CordonRequest& request) {
  const NodeRow* const row = draft.world().nodes.find(Symbol(request.node));
  if (row == nullptr) return no_such(Kind::kNode, request.node);
  ApplyRequest apply;
  Node node = *row->node;
  node.spec.schedulable = request.schedulable;
  if (request.schedulable) node.spec.drain = {};
  apply.resources.push_back(std::move(node));
  return admit_apply(draft, apply);
}

Result<void> check_register(const RegisterRequest& request, WallTime now) {
  if (!is_agent_id(request.agent_id))
    return invalid("bad_agent_id", "node/" + request.node + ": want an agent_id of 1 to 64 of `0-9a-f-`, got `" +
                                       request.agent_id + "`");
  const auto latest = static_cast<std::uint64_t>((now + kMostClockError).time_since_epoch().count());
  if (request.agent_start > latest)
    return invalid("bad_agent_start", "node/" + request.node + ": want an agent's start of at most " +
                                          std::to_string(latest) + " (microseconds since 1970, ten years ahead), got " +
                                          std::to_string(request.agent_start) + ": set that machine's clock");
  if (request.info.capacity.cpu.value <= 0 || request.info.capacity.memory.value <= 0)
    return invalid("bad_capacity", "node/" + request.node + ": want a node with CPU and memory, got " +
                                       std::to_string(request.info.capacity.cpu.value) + "m and " +
                                       std::to_string(request.info.capacity.memory.value) + " bytes");
  return {};
}

// Two agents under one name would both run what is placed on the node. The one that is registered keeps the name until
// it has been silent for so long that it is unknown, and that no strict singleton of its can be left.
Result<void> check_holder(const Draft& draft, const NodeRow& row, const RegisterRequest& request) {
  if (row.agent_id.empty() || row.agent_id == request.agent_id) return {};
  const Symbol name(request.node);
  const Time last = heard(draft.world(), name);
  const Time until = std::max(last + kSilenceLimit, all_leases_over_at(draft.world(), name).value_or(last));
  const Time now = draft.now().boot;
  if (now >= until) return {};
  return conflict(
      "node_name_taken",
      "node/" + request.node + ": another agent, on the host of boot id " + (row.info ? row.info->boot_id : "") +
          ", has this name and was heard " +
          format_duration(std::chrono::duration_cast<std::chrono::seconds>(now - last)) +
          " ago: give this one another name, or end that one; the name is free when it has been silent for " +
          format_duration(until - last));
}

Result<RegisterReply> admit_register(Draft& draft, const RegisterRequest& request) {
  const Symbol name(request.node);
  const NodeRow* const row = draft.world().nodes.find(name);
  if (row != nullptr)
    if (Result<void> free = check_holder(draft, *row, request); !free) return std::move(free).error();
  RegisterReply reply;
  reply.cluster_id = draft.world().cluster.cluster_id;
  NodeRow next;
  if (row != nullptr) {
    next = *row;
    if (request.agent_start < row->agent_start) {
      reply.newer_start = row->agent_start;
      reply.newer_is_silent = row->health != NodeHealth::kReady;
      return reply;
    }
  } else {
    Node node;
    node.metadata.name = request.node;
    node.metadata.uid = draft.world().last_uid + 1;
    node.metadata.generation = 1;
    next.node = std::move(node);
    next.created_at = draft.now().wall;
    next.goals_revision = draft.world().revision;
  }
  Node node = *next.node;
  for (const auto& [key, value] : request.labels) node.metadata.labels.try_emplace(key, value);
  next.node = std::move(node);
  next.info = request.info;
  next.agent_start = request.agent_start;
  next.agent_id = request.agent_id;
  if (row == nullptr || !(next == *row)) draft.change(PutNode{std::move(next)});
  return reply;
}

}  // namespace unik::controller
