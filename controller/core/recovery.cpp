#include "controller/core/recovery.hpp"

#include <algorithm>
#include <utility>

#include "api/check.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/quota.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {
namespace {

bool is_known(const World& world, Symbol node, const InstanceId& id) {
  const InstanceRow* const row = world.instances.find(id);
  return row != nullptr && row->node == node;
}

// The same template under a number that the lost history cannot have given. Content decides what is current, so nothing
// is replaced for it.
void renumber(Draft& draft, const AppName& name) {
  AppRow row = *draft.world().apps.find(name);
  const Shared<BootSpec>* const boot = draft.world().templates.find({name, row.rollout});
  if (row.deleting || boot == nullptr) return;
  const std::uint64_t before = row.rollout;
  row.rollout = rollout_number(draft.world().cluster.epoch, draft.world().revision);
  row.retired.clear();
  if (row.state.live == before) row.state.live = row.rollout;
  for (TemplateNote& note : row.history)
    if (note.rollout == before) note.rollout = row.rollout;
  draft.change(PutTemplate{{name, row.rollout}, *boot});
  draft.change(PutApp{std::move(row)});
}

// The lost history may have given one a node: its slot is filled under an id of this one.
void drop_unplaced(Draft& draft) {
  std::vector<InstanceId> unplaced;
  for (const auto& [id, nothing] : draft.world().unplaced) unplaced.push_back(id);
  for (const InstanceId& id : unplaced) draft.change(RemoveInstance{id, "it had no node when its history was lost"});
}

const SeenInstance* observed_instance(const World& world, Symbol node, const InstanceId& id) {
  const Observed* const observed = world.observed.find(node);
  if (observed == nullptr) return nullptr;
  for (const SeenInstance& seen : observed->report->body->instances)
    if (seen.id == id) return &seen;
  return nullptr;
}

bool has_room(const World& world, Symbol node, const BootSpec& boot) {
  const NodeRow& row = *world.nodes.find(node);
  Resources wanted = world.loads.find(node)->assigned;
  wanted += footprint(boot, row);
  const Resources room = allocatable(row);
  return wanted.cpu <= room.cpu && wanted.memory <= room.memory;
}

// The instance that would keep its slot from one that is adopted, as diff.cpp settles rivals: what serves stays, and of
// two that serve the older.
std::string holder_of_slot(const World& world, const InstanceId& id, const InstanceStatus& status) {
  std::string holder;
  for_each_instance(world, id.app_name(), [&](const InstanceId& other, const InstanceRow& row) {
    if (other.slot != id.slot || row.goal == InstanceGoal::kStop || row.node.empty()) return;
    const bool gives_way = is_ready(status) && (!is_ready(*row.status) || status.started_at < row.created_at);
    if (!gives_way) holder = short_name(other);
  });
  return holder;
}

// What keeps an instance from being adopted; empty when nothing does.
std::string obstacle(const World& world, Symbol node, const InstanceId& id) {
  const AppRow* const app = world.apps.find(id.app_name());
  if (app == nullptr || app->deleting)
    return "there is no app `" + id.app.str() + "` in tenant `" + id.tenant.str() + "`";
  CurrentTemplate current(world, id.app_name(), app->rollout);
  if (!current.covers(id.rollout)) return "its template is not the app's current one";
  if (id.slot >= app->app->spec.replicas)
    return "its slot " + std::to_string(id.slot) + " is beyond the app's " + std::to_string(app->app->spec.replicas) +
           " replicas";
  if (world.instances.contains(id)) return "the same instance is known on another node";
  const SeenInstance* const seen = observed_instance(world, node, id);
  if (seen == nullptr) return "its node has not reported it";
  if (const std::string holder = holder_of_slot(world, id, *seen->status); !holder.empty())
    return holder + " holds its slot";
  if (const std::optional<InstanceId> other = contender(world, node, id))
    return short_name(*other) + " may run in its slot, of which two must never run at once";
  if (!lets_in(world, id.app_name(), id.slot, **world.templates.find({id.app_name(), id.rollout})))
    return "its tenant's quota has no room for it";
  if (!has_room(world, node, **world.templates.find({id.app_name(), id.rollout})))
    return "the room of its node is promised to others";
  return {};
}

// Before its loss was noticed this controller may have given an id that the lost history had given another node. What a
// node has never shown is not started there any more: its slot is filled under an id of this history.
void give_up_unseen(Draft& draft, Symbol node) {
  std::vector<std::pair<InstanceId, InstanceRow>> unseen;
  for_each_on_node(draft.world(), node, [&](const InstanceId& id, const InstanceRow& row) {
    const bool is_of_before = id.rollout / kRolloutsPerRecovery < draft.world().cluster.epoch.recovery_count;
    if (is_of_before && row.goal == InstanceGoal::kRun && row.status->phase == Phase::kPending &&
        observed_instance(draft.world(), node, id) == nullptr)
      unseen.emplace_back(id, row);
  });
  for (auto& [id, row] : unseen) {
    row.goal = InstanceGoal::kStop;
    row.goal_revision = draft.world().revision;
    draft.change(PutInstance{
        id, std::move(row), {std::string(to_string(Bucket::kLost)), "its node did not have it when history was lost"}});
  }
}

ApplyReply reply_of(const Draft& draft) {
  ApplyReply reply;
  reply.revision = draft.world().revision;
  return reply;
}

QuarantinedView view_one(const World& world, Symbol node, const InstanceId& id) {
  QuarantinedView view;
  view.node = node.str();
  view.id = id;
  view.name = short_name(id);
  if (const SeenInstance* const seen = observed_instance(world, node, id)) view.phase = to_string(seen->status->phase);
  view.obstacle = world.history_lost ? "nothing is adopted before `unikctl recover`" : obstacle(world, node, id);
  return view;
}

}  // namespace

std::string_view to_string(QuarantineVerb verb) {
  switch (verb) {
    case QuarantineVerb::kAdopt:
      return "adopt";
    case QuarantineVerb::kDestroy:
      return "destroy";
  }
  UNIK_CHECK(false, "a quarantine verb outside the enumeration");
}

Result<ApplyReply> admit_recover(Draft& draft) {
  ClusterRow cluster = draft.world().cluster;
  // The lost history may have known recoveries of its own.
  for (const auto& [node, observed] : draft.world().observed) {
    const Stamp& accepted = observed.report->accepted_stamp;
    if (accepted.cluster_id == cluster.cluster_id)
      cluster.epoch.recovery_count = std::max(cluster.epoch.recovery_count, accepted.epoch.recovery_count);
  }
  ++cluster.epoch.recovery_count;
  cluster.awaits_leases |= draft.world().history_lost;
  cluster.history_lost = false;
  draft.because("controller", "recovery " + std::to_string(cluster.epoch.recovery_count) +
                                  ": each node is gone through before it gets goals");
  draft.change(PutCluster{std::move(cluster)});
  std::vector<AppName> apps;
  for (const auto& [name, row] : draft.world().apps) apps.push_back(name);
  for (const AppName& name : apps) renumber(draft, name);
  drop_unplaced(draft);
  draft.touched().everything = true;
  return reply_of(draft);
}

Result<ApplyReply> admit_quarantine(Draft& draft, const QuarantineRequest& request) {
  const StrayKey key{request.node, request.id};
  const StrayRow* const row = draft.world().strays.find(key);
  const std::string name = short_name(request.id) + "` on node `" + request.node.str() + "`";
  if (row == nullptr || !row->quarantined)
    return not_found("not_quarantined",
                     "there is no quarantined instance `" + name + ": `unikctl quarantine list` shows them");
  if (request.verb == QuarantineVerb::kDestroy) {
    draft.change(PutStray{key, StrayRow{draft.world().revision, false}});
    return reply_of(draft);
  }
  if (const std::string why = obstacle(draft.world(), request.node, request.id); !why.empty())
    return conflict("cannot_adopt", "cannot adopt `" + name + ": " + why);
  InstanceRow adopted;
  adopted.node = request.node;
  adopted.goal_revision = draft.world().revision;
  adopted.status = observed_instance(draft.world(), request.node, request.id)->status;
  adopted.created_at = adopted.status->started_at;
  draft.change(RemoveStray{key});
  draft.change(PutInstance{request.id, std::move(adopted)});
  return reply_of(draft);
}

Error refuse_before_recovery() {
  return conflict("history_lost",
                  "this store is older than what its nodes have accepted, so that nothing is changed before "
                  "`unikctl recover`: look at `unikctl quarantine list`, or put the newer store back");
}

bool is_accounted(const World& world, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  return row != nullptr && row->recovery == world.cluster.epoch.recovery_count;
}

void account_for_node(Draft& draft, Symbol node) {
  const std::shared_ptr<const NodeObservation> report = draft.world().observed.find(node)->report;
  for (const SeenInstance& seen : report->body->instances) {
    const StrayKey key{node, seen.id};
    if (is_known(draft.world(), node, seen.id) || draft.world().strays.contains(key)) continue;
    draft.because("node " + node.str(), "quarantined " + to_string(seen.id) + ": it came with a history that was lost");
    draft.change(PutStray{key, StrayRow{draft.world().revision, true}});
  }
  give_up_unseen(draft, node);
  NodeRow row = *draft.world().nodes.find(node);
  row.recovery = draft.world().cluster.epoch.recovery_count;
  row.goals_revision = draft.world().revision;
  draft.change(PutNode{std::move(row)});
}

std::vector<QuarantinedView> view_quarantine(const World& world) {
  std::vector<QuarantinedView> views;
  for (const auto& [key, row] : world.strays)
    if (row.quarantined) views.push_back(view_one(world, key.node, key.id));
  if (!world.history_lost) return views;
  for (const auto& [node, observed] : world.observed)
    for (const SeenInstance& seen : observed.report->body->instances)
      if (!is_known(world, node, seen.id) && !world.strays.contains({node, seen.id}))
        views.push_back(view_one(world, node, seen.id));
  std::sort(views.begin(), views.end(), [](const QuarantinedView& a, const QuarantinedView& b) {
    return std::tie(a.node, a.id) < std::tie(b.node, b.id);
  });
  return views;
}

}  // namespace unik::controller
