#include "controller/core/foresee.hpp"

#include <map>
#include <utility>

#include "controller/core/reconcile.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

Draft draft_of(const World& world) {
  World next = world;
  ++next.revision;
  return Draft(std::move(next), Now{world.as_of, {}});
}

// Whose instances a request may be told of: those of its own apps' tenants, and all where it declares a node or a
// tenant.
bool may_see(const ApplyRequest& request, const std::string& tenant) {
  for (const Resource& resource : request.resources) {
    const App* const app = std::get_if<App>(&resource);
    if (app == nullptr || app->metadata.tenant == tenant) return true;
  }
  return false;
}

// The last word on each instance that the plan places, or cannot place.
std::vector<PlacementView> placements_of(const Plan& plan) {
  std::map<InstanceId, const InstanceRow*> placed;
  for (const Change& change : plan.changes)
    if (const auto* const put = std::get_if<PutInstance>(&change);
        put != nullptr && put->row.goal == InstanceGoal::kRun)
      placed[put->id] = &put->row;
  std::vector<PlacementView> views;
  for (const auto& [id, row] : placed)
    views.push_back({id.tenant.str(), short_name(id), row->node.str(), row->status->reason, row->status->message});
  return views;
}

Result<ApplyReply> finish(const World& world, Draft draft, ApplyReply reply) {
  Dirty touched = std::exchange(draft.touched(), Dirty{});
  reconcile(draft, std::move(touched));
  reply.dry_run = true;
  reply.revision = world.revision;
  reply.operations.clear();
  reply.placements = placements_of(draft.plan());
  return reply;
}

}  // namespace

Result<ApplyReply> foresee_apply(const World& world, const ApplyRequest& request) {
  Draft draft = draft_of(world);
  Result<ApplyReply> reply = admit_apply(draft, request);
  if (!reply) return reply;
  Result<ApplyReply> foreseen = finish(world, std::move(draft), std::move(reply).value());
  std::erase_if(foreseen->placements, [&](const PlacementView& one) { return !may_see(request, one.tenant); });
  return foreseen;
}

Result<ApplyReply> foresee_loss(const World& world, const std::vector<std::string>& lose, const ApplyRequest& add) {
  Draft draft = draft_of(world);
  ApplyReply reply;
  if (!add.resources.empty()) {
    Result<ApplyReply> added = admit_apply(draft, add);
    if (!added) return added;
    reply = std::move(added).value();
  }
  for (const std::string& name : lose) {
    const NodeRow* const row = draft.world().nodes.find(Symbol(name));
    if (row == nullptr) return no_such(Kind::kNode, name);
    NodeRow lost = *row;
    Node node = *lost.node;
    node.spec.drain.enabled = true;
    node.spec.drain.force = true;
    lost.node = std::move(node);
    draft.change(PutNode{std::move(lost)});
    for_each_on_node(draft.world(), Symbol(name),
                     [&](const InstanceId& id, const InstanceRow&) { draft.touched().apps.insert(id.app_name()); });
  }
  return finish(world, std::move(draft), std::move(reply));
}

}  // namespace unik::controller
