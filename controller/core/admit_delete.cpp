#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "api/lease.hpp"
#include "controller/core/admit.hpp"
#include "controller/core/builds.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/operations.hpp"
#include "controller/core/strict.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

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
  const OperationKey key{draft.world().revision, next_operation_index(draft.world())};
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
    if (!draft.world().apps.contains(app) && unfinished_builds_of(draft.world(), app).empty())
      return no_such(Kind::kApp, name);
    names.insert(app);
  }
  ApplyReply reply;
  for (const AppName& name : names) {
    if (const AppRow* const row = draft.world().apps.find(name)) {
      reply.objects.push_back(deleted(Kind::kApp, row->app->metadata));
      reply.operations.push_back(destroy_app(draft, name, request.trace_id));
    }
    const std::vector<Operation> builds = destroy_builds(draft, name);
    reply.operations.insert(reply.operations.end(), builds.begin(), builds.end());
  }
  reply.revision = draft.world().revision;
  return reply;
}

// Whether who asks may be told of what is `tenant`'s.
bool is_told(const DeleteRequest& request, Symbol tenant) {
  return request.tenant.empty() || tenant == Symbol(request.tenant);
}

std::string destroy_command(const AppName& app) {
  const std::string command = "unikctl destroy " + app.app.str();
  return app.tenant == Symbol(kDefaultTenant) ? command : command + " --tenant " + app.tenant.str();
}

// Of a lost node's instances one that would come again elsewhere, and do its work twice.
bool would_work_twice(const InstanceRow& row) {
  return row.goal == InstanceGoal::kRun && has_ended(*row.status);
}

bool needs_no_room(const InstanceRow& row) {
  return !takes_room(row);
}

// How those of which `is_meant` holds go; none where there are none.
std::optional<std::string> what_ended(const World& world, Symbol node, const DeleteRequest& request,
                                      bool (*is_meant)(const InstanceRow&)) {
  bool any = false;
  std::optional<AppName> ended;
  for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow& row) {
    if (!is_meant(row)) return;
    any = true;
    if (!ended && is_told(request, id.tenant)) ended = id.app_name();
  });
  if (!any) return std::nullopt;
  if (!ended) return "what has ended there goes with its app, which is another tenant's";
  return "what has ended there goes with its app (`" + destroy_command(*ended) + "`)";
}

// What has ended is not moved by a drain: it would do its work a second time.
std::string how_to_empty(const World& world, Symbol node, const DeleteRequest& request) {
  bool all_ended = true;
  for_each_on_node(world, node, [&](const InstanceId&, const InstanceRow& row) { all_ended &= !takes_room(row); });
  if (!all_ended && is_silent(world, node))
    return "it is silent, and can be deleted when it is lost, after " + format_duration(kLostLimit) +
           " of silence at the earliest";
  if (!all_ended) return "drain it first (`unikctl node drain " + node.str() + "`)";
  return what_ended(world, node, request, needs_no_room).value_or("");
}

std::string strict_one(const InstanceId& id, const DeleteRequest& request) {
  if (!is_told(request, id.tenant)) return "a strict singleton of another tenant: wait until it has been replaced";
  return "the strict singleton " + short_name(id) + ": wait until it has been replaced, or destroy its app first";
}

// Of a lost node nobody will ever say that they are gone. They stop with their rows, so that the plan sees what leaves
// their slots. Should the node return, they are strays and are stopped.
void take_instances_off(Draft& draft, Symbol node) {
  std::vector<std::pair<InstanceId, InstanceRow>> instances;
  for_each_on_node(draft.world(), node,
                   [&](const InstanceId& id, const InstanceRow& row) { instances.emplace_back(id, row); });
  for (auto& [id, row] : instances) {
    // Nothing is planned of it.
    if (const AppRow* const app = draft.world().apps.find(id.app_name()); app != nullptr && is_frozen(*app)) {
      draft.change(RemoveInstance{id, "its node has been deleted"});
      continue;
    }
    const bool stopped = std::exchange(row.goal, InstanceGoal::kStop) == InstanceGoal::kStop;
    row.goal_revision = draft.world().revision;
    row.node = {};
    draft.change(
        PutInstance{id, std::move(row), stopped ? StopReason{} : StopReason{"lost", "its node has been deleted"}});
  }
}

Result<ApplyReply> delete_nodes(Draft& draft, const DeleteRequest& request) {
  for (const std::string& name : request.names) {
    if (!draft.world().nodes.contains(Symbol(name))) return no_such(Kind::kNode, name);
    const bool lost = draft.world().nodes.find(Symbol(name))->health == NodeHealth::kLost;
    if (const NodeLoad* const load = draft.world().loads.find(Symbol(name)); load->instances > 0 && !lost)
      return conflict("node_in_use", "node `" + name + "` has " + counted(load->instances, "instance") + ": " +
                                         how_to_empty(draft.world(), Symbol(name), request));
    if (const auto ended = what_ended(draft.world(), Symbol(name), request, would_work_twice); lost && ended)
      return conflict("node_in_use", "node `" + name + "` is lost, but " + *ended);
    // Of a lost node nobody will ever say that its instances are gone, and a strict one may still have its lease.
    if (const std::optional<InstanceId> strict = strict_instance_on(draft.world(), Symbol(name)))
      return conflict("node_in_use", "node `" + name + "` may still run " + strict_one(*strict, request));
    if (const auto over = all_leases_over_at(draft.world(), Symbol(name)); lost && over && draft.now().boot < *over)
      return conflict("node_in_use",
                      "node `" + name + "` may still run a strict singleton that is in quarantine: wait " +
                          "until it has been silent for " + format_duration(kStrictLease + kStrictMargin));
  }
  ApplyReply reply;
  for (const std::string& name : std::set(request.names.begin(), request.names.end())) {
    reply.objects.push_back(deleted(Kind::kNode, draft.world().nodes.find(Symbol(name))->node->metadata));
    take_instances_off(draft, Symbol(name));
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
    if (!is_told(request, Symbol(name))) return no_such(Kind::kTenant, name);
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

}  // namespace unik::controller
