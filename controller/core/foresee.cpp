#include "controller/core/foresee.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/reconcile.hpp"
#include "controller/core/rollout.hpp"
#include "controller/core/why_there.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

// No limit, lease or `lostAfter` is as long.
constexpr Duration kForGood = std::chrono::hours(24 * 365 * 10);

// What is stopped in one record is seen gone in the next, and only then replaced where two must never run at once.
constexpr int kMaxRecords = 4;

Draft next_draft(World world, Time now) {
  ++world.revision;
  return Draft(std::move(world), Now{now, {}});
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

using Placements = std::map<InstanceId, PlacementView>;

// The last word on each instance that the plan, which was made on `world`, places or cannot place.
void tell(World world, const Plan& plan, Placements& placements) {
  std::optional<TemplateKey> told;
  std::optional<WhyThere> why;
  const Time now = world.as_of;
  ++world.revision;
  for (const Change& change : plan.changes) {
    const auto* const put = std::get_if<PutInstance>(&change);
    if (put != nullptr && put->row.goal == InstanceGoal::kRun) {
      PlacementView view{put->id.tenant.str(), short_name(put->id), put->row.node.str(), put->row.status->reason,
                         put->row.status->message};
      if (!put->row.node.empty()) {
        const TemplateKey runs{put->id.app_name(), put->id.rollout};
        if (told != runs) why.emplace(world, *world.apps.find(runs.app)->app, **world.templates.find(runs), now);
        told = runs;
        view.message = why->next(put->row.node);
      }
      placements[put->id] = std::move(view);
    }
    apply(world, change);
  }
}

ApplyReply finish(const World& world, ApplyReply reply, Placements placements, Symbol tenant) {
  reply.dry_run = true;
  reply.revision = world.revision;
  reply.operations.clear();
  for (auto& [id, view] : placements)
    if (tenant.empty() || id.tenant == tenant) reply.placements.push_back(std::move(view));
  return reply;
}

NodeObservation empty_report() {
  NodeObservation report;
  report.body = SeenBody{};
  return report;
}

// As if the node had been heard at `when` last.
void hear(World& world, Symbol node, Time when) {
  const Observed* const before = world.observed.find(node);
  Observed observed = before == nullptr ? Observed{} : *before;
  if (!observed.report) observed.report = std::make_shared<const NodeObservation>(empty_report());
  observed.received = when;
  world.observed.set(node, std::move(observed));
}

bool has_agent(const World& world, Symbol node) {
  const NodeRow* const row = world.nodes.find(node);
  return row != nullptr && row->info;
}

std::set<Symbol> new_nodes(const World& world, const ApplyRequest& add) {
  std::set<Symbol> names;
  for (const Resource& resource : add.resources)
    if (const Node* const node = std::get_if<Node>(&resource); node && !has_agent(world, Symbol(node->metadata.name)))
      names.insert(Symbol(node->metadata.name));
  return names;
}

// What a node without an agent is taken for: more than it turns out to have would promise too much.
const NodeRow* smallest_node(const World& world) {
  const NodeRow* smallest = nullptr;
  const auto size = [](const NodeRow& row) { return std::tuple(row.info->capacity.memory, row.info->capacity.cpu); };
  for (const auto& [name, row] : world.nodes)
    if (row.info && (smallest == nullptr || size(row) < size(*smallest))) smallest = &row;
  return smallest;
}

void give_size(Draft& draft, const NodeRow* model, Symbol name, std::vector<std::string>& notes) {
  if (model == nullptr)
    return notes.push_back("node " + name.str() +
                           " has no size to go by, since no agent has registered: nothing is placed there");
  NodeRow row = *draft.world().nodes.find(name);
  row.info = model->info;
  row.health = NodeHealth::kReady;
  const Resources& size = row.info->capacity;
  notes.push_back("node " + name.str() + " is taken to be as large as " + model->node->metadata.name + ": " +
                  format_milli_cpu(size.cpu) + " CPU and " + format_bytes(size.memory) + " of memory");
  draft.change(PutNode{std::move(row)});
}

void set_node_health(Draft& draft, Symbol name, NodeHealth health) {
  NodeRow row = *draft.world().nodes.find(name);
  row.health = health;
  draft.change(PutNode{std::move(row)});
}

// They fall silent together, and are given up unless so many are silent that it may be our own fault.
void give_up(Draft& draft, const std::set<Symbol>& lost, std::vector<std::string>& notes) {
  for (const Symbol name : lost) set_node_health(draft, name, NodeHealth::kUnknown);
  if (is_isolated(draft.world(), draft.now().boot)) {
    notes.push_back("Isolated: most nodes would be silent, which may be our own fault: nothing is moved");
    return;
  }
  for (const Symbol name : lost) {
    set_node_health(draft, name, NodeHealth::kLost);
    for_each_on_node(draft.world(), name,
                     [&](const InstanceId& id, const InstanceRow&) { draft.touched().apps.insert(id.app_name()); });
  }
}

// Whether `other` does in a slot what `lost` did. What comes in a blue/green rollout is reached by nobody before that
// switches.
bool stands_in(const Joined& other, const Joined& lost, const RolloutFacts& facts) {
  if (other.row == nullptr || other.on_lost_node || other.row->goal != InstanceGoal::kRun) return false;
  if (facts.state.blue_green && lost.of_live && !other.of_live) return false;
  return other.id.slot == lost.id.slot;
}

std::string why_left(const AppRow& app, const Joined& lost, const RolloutFacts& facts, const RolloutSteps& steps) {
  for (const auto& [id, why] : steps.holds)
    if (id.slot == lost.id.slot) return why;
  if (is_frozen(app)) return "the app is frozen";
  if (facts.state.blue_green) return "the blue/green rollout has not switched";
  return std::string(lost.reason);
}

// What nobody replaces, however long its node is away.
void tell_what_waits(const World& world, const std::set<AppName>& apps, Symbol tenant,
                     std::vector<std::string>& notes) {
  for (const AppName& name : apps) {
    const AppRow* const app = world.apps.find(name);
    if (app == nullptr || (!tenant.empty() && name.tenant != tenant)) continue;
    const RolloutFacts facts = facts_of(world, name, *app, Now{world.as_of, {}});
    const RolloutSteps steps = plan_rollout(facts);
    std::map<std::pair<Symbol, std::string>, std::size_t> left;  // by node and reason
    for (const Joined& one : facts.instances) {
      if (!one.on_lost_node || one.row->goal != InstanceGoal::kRun || !takes_room(*one.row)) continue;
      const auto replaces = [&](const Joined& other) { return stands_in(other, one, facts); };
      if (one.bucket == Bucket::kSurplus || std::ranges::any_of(facts.instances, replaces)) continue;
      const bool may_replace = app->app->spec.disconnect.replace;
      ++left[{one.row->node, may_replace ? why_left(*app, one, facts, steps) : std::string()}];
    }
    for (const auto& [where, count] : left) {
      const auto& [node, why] = where;
      const std::string what = object_of(name) + ": " + counted(count, "instance");
      notes.push_back(why.empty()
                          ? what + (count == 1 ? " waits for " : " wait for ") + node.str() +
                                " and is not replaced, as disconnect.replace says"
                          : what + " on " + node.str() + (count == 1 ? " is" : " are") + " not replaced: " + why);
    }
  }
}

}  // namespace

Result<ApplyReply> foresee_apply(const World& world, const ApplyRequest& request, Symbol tenant) {
  Draft draft = next_draft(world, world.as_of);
  Result<ApplyReply> reply = admit_apply(draft, request);
  if (!reply) return reply;
  reconcile(draft, std::exchange(draft.touched(), Dirty{}));
  Placements placements;
  tell(world, draft.plan(), placements);
  std::erase_if(placements, [&](const auto& one) { return !may_see(request, one.first.tenant.str()); });
  return finish(world, std::move(reply).value(), std::move(placements), tenant);
}

Result<ApplyReply> foresee_loss(const World& world, const std::vector<std::string>& lose, const ApplyRequest& add,
                                Symbol tenant) {
  World base = world;
  std::set<Symbol> lost;
  for (const std::string& name : lose) {
    if (!world.nodes.contains(Symbol(name))) return no_such(Kind::kNode, name);
    if (!has_agent(world, Symbol(name))) continue;  // it has never been seen, and nothing is there
    lost.insert(Symbol(name));
    hear(base, Symbol(name), world.as_of - kForGood);
  }
  const std::set<Symbol> added = new_nodes(world, add);
  for (const Symbol name : added) hear(base, name, world.as_of);

  Draft draft = next_draft(base, world.as_of);
  ApplyReply reply;
  if (!add.resources.empty()) {
    Result<ApplyReply> admitted = admit_apply(draft, add);
    if (!admitted) return admitted;
    reply = std::move(admitted).value();
  }
  const NodeRow* const smallest = smallest_node(world);
  for (const Symbol name : added) give_size(draft, smallest, name, reply.notes);
  give_up(draft, lost, reply.notes);

  Placements placements;
  Dirty work = std::exchange(draft.touched(), Dirty{});
  const std::set<AppName> apps = work.apps;
  for (int records = 0; records < kMaxRecords; ++records) {
    reconcile(draft, std::exchange(work, Dirty{}));
    if (draft.plan().changes.empty()) break;
    tell(base, draft.plan(), placements);
    base = draft.world();
    work.apps = apps;
    draft = next_draft(base, world.as_of);
  }
  tell_what_waits(base, apps, tenant, reply.notes);
  return finish(world, std::move(reply), std::move(placements), tenant);
}

}  // namespace unik::controller
