#include "controller/core/admit.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "controller/core/accept.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/field_diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/operations.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

class Applier {
 public:
  Applier(Draft& draft, const ApplyRequest& request) : draft_(draft), request_(request) {}

  Result<ApplyReply> run() {
    std::vector<Resource> resources = request_.resources;
    if (Result<void> accepted = accept(draft_.world(), resources); !accepted) return std::move(accepted).error();
    const std::size_t before = draft_.plan().changes.size();
    for (Resource& resource : resources) std::visit([this](auto& value) { put(value); }, resource);
    // Last, since the answer goes and the rows stay: what lies between them leaves holes that are of no use.
    for (std::size_t i = 0; i < resources.size(); ++i)
      if (reply_.objects[i].verb == ApplyVerb::kCreated)
        reply_.objects[i].changes = field_changes(nullptr, &resources[i]);
    const bool changed = draft_.plan().changes.size() > before;
    reply_.revision = draft_.world().revision - (changed ? 0 : 1);
    return std::move(reply_);
  }

 private:
  std::uint64_t next_uid() const { return draft_.world().last_uid + 1; }

  // But for what a new object has, which `run` adds.
  void report(const Resource* before, const Resource& after, bool same) {
    const Metadata& metadata = metadata_of(after);
    AppliedObject object;
    object.kind = kind_of(after);
    object.tenant = metadata.tenant;
    object.name = metadata.name;
    object.generation = metadata.generation;
    if (before == nullptr) {
      object.verb = ApplyVerb::kCreated;
    } else if (!same) {
      object.verb = ApplyVerb::kUpdated;
      object.changes = field_changes(before, &after);
      object.effect = effect_between(*before, after);
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

  // Each of these gives its value what is given to what is declared.
  void put(App& app) {
    const AppName name = app.name();
    const AppRow* const row = draft_.world().apps.find(name);
    app.spec.boot.check = target_of(app.spec.run.health);
    const App* const before = declared(draft_.world(), app);
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
      const bool begins = before != nullptr && before->spec.replicas == 0 && unproved;
      // Nothing keeps its instances from coming all the same, so that it is judged anew.
      const bool goes_on = before != nullptr && app.spec.replicas > 0 && next.state.phase == RolloutPhase::kFailed &&
                           (next.state.live == 0 || is_job(app));
      if (begins || goes_on) next.state.phase = next.state.held ? RolloutPhase::kPaused : RolloutPhase::kProgressing;
      if (goes_on) {
        next.state.reason.clear();
        next.state.message.clear();
        draft_.clocks().rollouts.erase(name);
      }
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

  void put(Node& node) {
    const Symbol name(node.metadata.name);
    const NodeRow* const row = draft_.world().nodes.find(name);
    const std::optional<Resource> old = row == nullptr ? std::nullopt : std::optional<Resource>(*row->node);
    const bool same = settle(node, declared(draft_.world(), node));
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

  void put(Tenant& tenant) {
    const TenantRow* const row = draft_.world().tenants.find(Symbol(tenant.metadata.name));
    const std::optional<Resource> old = row == nullptr ? std::nullopt : std::optional<Resource>(*row->tenant);
    const bool same = settle(tenant, declared(draft_.world(), tenant));
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

  Draft& draft_;
  const ApplyRequest& request_;
  ApplyReply reply_;
};

}  // namespace

std::optional<Result<ApplyReply>> first_answer(const World& world, const std::string& key, std::uint64_t body_hash) {
  const Shared<AnswerRow>* const row = world.answers.find(key);
  if (row == nullptr) {
    // Kept without a tenant: it is this one's if the request is the very same.
    const Shared<AnswerRow>* const shared = world.answers.find(key.substr(key.find('/') + 1));
    if (shared == nullptr || (*shared)->body_hash != body_hash) return std::nullopt;
    return (*shared)->reply;
  }
  if ((*row)->body_hash == body_hash) return (*row)->reply;
  return conflict("idempotency_key_reused", "this Idempotency-Key was used with another request");
}

Result<ApplyReply> admit_apply(Draft& draft, const ApplyRequest& request) {
  return Applier(draft, request).run();
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

}  // namespace unik::controller
