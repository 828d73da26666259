#include "controller/core/reconcile.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "api/result.hpp"
#include "controller/core/diff.hpp"
#include "controller/core/node_watch.hpp"
#include "controller/core/operations.hpp"
#include "controller/core/place.hpp"
#include "controller/core/relocate.hpp"
#include "controller/core/rest.hpp"
#include "controller/core/rollout.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/core/strict.hpp"

namespace unik::controller {
namespace {

// Each round plans what the one before touched. A plan settles in three; the bound only keeps a mistake from spinning.
constexpr int kMaxRounds = 16;

InstanceRow new_row(const Draft& draft) {
  InstanceRow row;
  row.goal_revision = draft.world().revision;
  row.created_at = draft.now().wall;
  return row;
}

InstanceStatus pending(std::string reason, std::string message) {
  InstanceStatus status;
  status.reason = std::move(reason);
  status.message = std::move(message);
  return status;
}

// Of all that have been placed and not reported, so that it is in memory once.
const Shared<InstanceStatus>& placed_status() {
  static const Shared<InstanceStatus> status = pending("placed", "its node has yet to report it");
  return status;
}

void leave_unplaced(Draft& draft, const InstanceId& id, InstanceRow row, NoPlace none) {
  draft.because(id, none.message);
  // The figures in the message move all the time; only a new reason is a transition.
  if (row.status && row.status->reason == none.reason) return;
  row.status = pending(std::move(none.reason), std::move(none.message));
  draft.change(PutInstance{id, std::move(row)});
}

// Gives `id` a node, or a row that says why it has none.
void place(Draft& draft, Placer& placer, const InstanceId& id, InstanceRow row) {
  std::variant<Symbol, NoPlace> choice = placer.next(id.slot);
  if (const Symbol* const node = std::get_if<Symbol>(&choice)) {
    row.node = *node;
    row.goal_revision = draft.world().revision;
    row.status = placed_status();
    draft.because(id, "placed on " + node->str());
    draft.change(PutInstance{id, std::move(row)});
    return;
  }
  leave_unplaced(draft, id, std::move(row), std::get<NoPlace>(std::move(choice)));
}

void stop(Draft& draft, const InstanceId& id, StopReason why) {
  InstanceRow row = *draft.world().instances.find(id);
  row.goal = InstanceGoal::kStop;
  row.goal_revision = draft.world().revision;
  draft.because(id, "stopping: " + why.text);
  draft.change(PutInstance{id, std::move(row), std::move(why)});
}

// Forgets templates that neither the app, nor its history, nor any of its instances needs.
void drop_unused_templates(Draft& draft, const AppName& name) {
  const AppRow* const app = draft.world().apps.find(name);
  std::set<std::uint64_t> used;
  if (app != nullptr && !app->deleting) {
    used.insert(app->rollout);
    used.insert(app->state.live);
    for (const TemplateNote& note : app->history) used.insert(note.rollout);
  }
  for_each_instance(draft.world(), name, [&](const InstanceId& id, const InstanceRow&) { used.insert(id.rollout); });
  std::vector<TemplateKey> unused;
  const auto& templates = draft.world().templates;
  for (auto it = templates.lower_bound({name, 0}); it != templates.end() && it->first.app == name; ++it)
    if (!used.contains(it->first.rollout)) unused.push_back(it->first);
  for (const TemplateKey& key : unused) draft.change(RemoveTemplate{key});
}

// Puts `id` into `world` where it would go, so that what is asked for next finds it there. Returns why there is no
// place. Several that leave a slot have one successor, which needs one place.
std::optional<NoPlace> place_ahead(const Draft& draft, World& world, const AppRow& app, const InstanceId& id) {
  if (const InstanceRow* const row = world.instances.find(id); row != nullptr && !row->node.empty())
    return std::nullopt;
  const Shared<BootSpec> boot = *world.templates.find({id.app_name(), id.rollout});
  std::variant<Symbol, NoPlace> choice = Placer(world, *app.app, *boot, draft.now().boot).next(id.slot);
  if (NoPlace* const none = std::get_if<NoPlace>(&choice)) return std::move(*none);
  InstanceRow row = new_row(draft);
  row.node = std::get<Symbol>(choice);
  row.status = placed_status();
  apply(world, PutInstance{id, std::move(row)});
  return std::nullopt;
}

// A strict singleton goes before its successor comes: not before a node has room for that one, be it the room that the
// old one leaves. Those that are going already come first. Returns the successors that have none.
std::vector<std::pair<InstanceId, NoPlace>> keep_what_has_nowhere_to_go(const Draft& draft, const AppRow& app,
                                                                        const RolloutFacts& facts,
                                                                        RolloutSteps& steps) {
  const auto is_taken = [&](const Joined& one) {
    return one.row != nullptr && steps.taken.contains(one.id.slot) && steps.comes.contains(one.id.slot);
  };
  std::vector<const Joined*> would_go;
  for (const Joined& one : facts.instances) {
    const bool is_replaced = one.bucket == Bucket::kDisplaced || one.bucket == Bucket::kOutdated;
    const bool stops = std::find(steps.stop.begin(), steps.stop.end(), one.id) != steps.stop.end();
    if (is_taken(one) && is_replaced && one.may_serve && stops) would_go.push_back(&one);
  }
  std::vector<std::pair<InstanceId, NoPlace>> homeless;
  if (would_go.empty()) return homeless;
  World next = draft.world();
  for (const Joined& one : facts.instances) {
    if (!is_taken(one) || one.bucket != Bucket::kStopping) continue;
    apply(next, RemoveInstance{one.id});
    place_ahead(draft, next, app, steps.comes.at(one.id.slot));
  }
  for (const Joined* const one : would_go) {
    World without = next;
    apply(without, RemoveInstance{one->id});
    const InstanceId& successor = steps.comes.at(one->id.slot);
    if (std::optional<NoPlace> none = place_ahead(draft, without, app, successor)) {
      std::erase(steps.stop, one->id);
      steps.holds.emplace_back(one->id, one->bucket == Bucket::kDisplaced ? "no other node has room for it"
                                                                          : "no node has room for its successor");
      homeless.emplace_back(successor, std::move(*none));
    } else {
      next = std::move(without);
    }
  }
  return homeless;
}

void place_all(Draft& draft, const App& app, const std::vector<InstanceId>& ids, const std::set<InstanceId>& leaving) {
  std::map<std::uint64_t, std::vector<InstanceId>> by_template;
  for (const InstanceId& id : ids) by_template[id.rollout].push_back(id);
  for (const auto& [rollout, group] : by_template) {
    const Shared<BootSpec> boot = *draft.world().templates.find({app.name(), rollout});
    Placer placer(draft.world(), app, *boot, draft.now().boot, leaving);
    for (const InstanceId& id : group) {
      const InstanceRow* const row = draft.world().instances.find(id);
      place(draft, placer, id, row == nullptr ? new_row(draft) : *row);
    }
  }
}

// Returns an Error for what only a defect of this program or a damaged store can bring about.
Result<void> plan_instances(Draft& draft, const AppName& name) {
  const AppRow app = *draft.world().apps.find(name);
  if (!app.deleting && !draft.world().templates.contains({name, app.rollout}))
    return internal("template_missing", "the template of rollout " + std::to_string(app.rollout) + " is not there");
  for (const InstanceId& id : plan_relocation(draft, app))
    stop(draft, id, {"relocated", "its node cannot start it, another may"});
  const RolloutFacts facts = gather_facts(draft, name);
  if (give_up_if_failed(draft, name, facts)) return {};
  const std::vector<Joined>& instances = facts.instances;
  RolloutSteps steps = plan_rollout(facts);
  std::vector<std::pair<InstanceId, NoPlace>> homeless = keep_what_has_nowhere_to_go(draft, app, facts, steps);
  // The rows move with the first change: what is needed of them later is taken now.
  std::map<InstanceId, StopReason> reasons;
  for (const Joined& instance : instances)
    reasons[instance.id] = {std::string(to_string(instance.bucket)), std::string(instance.reason)};

  for (const Joined& instance : instances) {
    if (instance.bucket != Bucket::kGone) continue;
    draft.because(instance.id, "forgotten: " + std::string(instance.reason));
    draft.change(RemoveInstance{instance.id, std::string(instance.reason)});
  }
  for (const InstanceId& id : steps.stop) stop(draft, id, reasons[id]);
  for (const auto& [id, why] : steps.holds)
    draft.because(id, (draft.world().instances.contains(id) ? "stays for now: " : "comes later: ") + why);

  // They get rows all the same, which say what is short, and by which the app is planned again when there is room.
  for (auto& [id, none] : homeless)
    if (!draft.world().instances.contains(id)) leave_unplaced(draft, id, new_row(draft), std::move(none));
  std::vector<InstanceId> to_place = steps.create;
  for (const Joined& instance : instances)
    if (instance.bucket == Bucket::kUnplaced && !steps.taken.contains(instance.id.slot) &&
        !facts.queueing.contains(instance.id.slot) && steps.comes[instance.id.slot] == instance.id)
      to_place.push_back(instance.id);
  place_all(draft, *app.app, to_place, making_way(instances, to_place));
  note_progress(draft, name, facts, steps);
  return {};
}

void finish_deletion(Draft& draft, const AppName& name) {
  const AppRow* const app = draft.world().apps.find(name);
  if (app == nullptr || !app->deleting) return;
  bool any = false;
  for_each_instance(draft.world(), name, [&](const InstanceId&, const InstanceRow&) { any = true; });
  if (any) return;
  draft.because(name, "removed: its last instance has been seen gone");
  draft.change(RemoveApp{name});
}

// Stops planning an app whose planning failed, until its next generation. Its instances are left as they are.
void freeze(Draft& draft, const AppName& name, const Error& error) {
  AppRow row = *draft.world().apps.find(name);
  row.frozen_generation = row.app->metadata.generation;
  row.frozen_message = error.message;
  draft.because(name, "frozen: " + error.message);
  draft.change(PutApp{std::move(row)});
}

// What is there is looked after whether or not an operation on it has its turn.
bool has_begun(const World& world, const AppName& name, const AppRow& app) {
  bool any = app.state.live != 0;
  for_each_instance(world, name, [&](const InstanceId&, const InstanceRow&) { any = true; });
  return any && !app.deleting;
}

void plan_app(Draft& draft, const AppName& name) {
  const AppRow* const app = draft.world().apps.find(name);
  if (app != nullptr && is_at_rest(draft.world(), name, *app, draft.now().boot)) return;
  const bool frozen = app != nullptr && is_frozen(*app);
  const bool turn = has_turn(draft.world(), name);
  const bool is_due = app != nullptr && (turn || has_begun(draft.world(), name, *app));
  if (is_due && !frozen && !draft.world().history_lost) {
    if (const Result<void> planned = plan_instances(draft, name); !planned) freeze(draft, name, planned.error());
    finish_deletion(draft, name);
    drop_unused_templates(draft, name);
  }
  follow_operations(draft, name, turn);
}

// What the draft's own changes touched becomes the work of the next round.
Dirty take_touched(Draft& draft) {
  return std::exchange(draft.touched(), Dirty{});
}

void add_waiting(const World& world, Dirty& dirty) {
  for (const auto& [id, nothing] : world.unplaced) dirty.apps.insert(id.app_name());
  for (const auto& [id, nothing] : world.stranded) dirty.apps.insert(id.app_name());
}

void add_everything(const World& world, Dirty& dirty) {
  for (const auto& [name, row] : world.nodes) dirty.nodes.insert(name);
  for (const auto& [name, row] : world.apps) dirty.apps.insert(name);
  for (const auto& [index, nothing] : world.active_operations) dirty.apps.insert(index.app);
}

}  // namespace

void reconcile(Draft& draft, Dirty dirty, std::size_t max_changes) {
  dirty.everything |= end_wait_for_leases(draft);
  const auto is_full = [&] { return draft.plan().changes.size() >= max_changes; };
  for (int round = 0; !dirty.empty() && !is_full() && round < kMaxRounds; ++round) {
    if (std::exchange(dirty.everything, false)) add_everything(draft.world(), dirty);
    while (!dirty.nodes.empty() && !is_full()) watch_node(draft, dirty.nodes.extract(dirty.nodes.begin()).value());
    Dirty touched = take_touched(draft);
    dirty.apps.merge(touched.apps);
    if (std::exchange(dirty.capacity, false) || touched.capacity) add_waiting(draft.world(), dirty);
    while (!dirty.apps.empty() && !is_full()) plan_app(draft, dirty.apps.extract(dirty.apps.begin()).value());
    merge(dirty, take_touched(draft));
    if (!is_full()) add_next_in_turn(draft.world(), dirty);
    if (!is_full() && dirty.apps.empty() && dirty.nodes.empty()) add_blocked(draft.world(), dirty);
  }
  if (dirty.empty()) return;
  // Whatever is left is planned in the next turn: at once behind a full record, which is no mistake.
  draft.touched() = std::move(dirty);
  if (!is_full()) draft.wake_at(draft.now().boot);
}

Plan reconcile(const World& world, const Dirty& dirty, Now now) {
  World next = world;
  ++next.revision;
  Draft draft(std::move(next), now);
  reconcile(draft, dirty);
  return std::move(draft).take_plan();
}

}  // namespace unik::controller
