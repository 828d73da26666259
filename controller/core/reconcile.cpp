#include "controller/core/reconcile.hpp"

#include <algorithm>
#include <map>
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

// Gives `id` a node, or a row that says why it has none.
void place(Draft& draft, Placer& placer, const InstanceId& id, InstanceRow row, bool is_replacement) {
  std::variant<Symbol, NoPlace> choice = placer.next(is_replacement);
  if (const Symbol* const node = std::get_if<Symbol>(&choice)) {
    row.node = *node;
    row.goal_revision = draft.world().revision;
    row.status = placed_status();
    draft.because(id, "placed on " + node->str());
    draft.change(PutInstance{id, std::move(row)});
    return;
  }
  NoPlace& none = std::get<NoPlace>(choice);
  draft.because(id, none.message);
  // The figures in the message move all the time; only a new reason is a transition.
  if (row.status && row.status->reason == none.reason) return;
  row.status = pending(std::move(none.reason), std::move(none.message));
  draft.change(PutInstance{id, std::move(row)});
}

void stop(Draft& draft, const InstanceId& id, std::string_view reason) {
  InstanceRow row = *draft.world().instances.find(id);
  row.goal = InstanceGoal::kStop;
  row.goal_revision = draft.world().revision;
  draft.because(id, "stopping: " + std::string(reason));
  draft.change(PutInstance{id, std::move(row)});
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

// A strict singleton goes before its successor comes: not before another node has room. The successor gets a row all
// the same, which says what is short, and by which the app is planned again when there is room.
std::vector<InstanceId> keep_what_has_nowhere_to_go(const Draft& draft, const App& app, const RolloutFacts& facts,
                                                    RolloutSteps& steps) {
  std::set<std::uint32_t> kept;
  const auto is_displaced = [](const Joined& one) { return one.bucket == Bucket::kDisplaced && one.serves; };
  if (!facts.strict || std::none_of(facts.instances.begin(), facts.instances.end(), is_displaced)) return {};
  Placer placer(draft.world(), app, draft.now().boot);
  for (const Joined& instance : facts.instances) {
    if (!is_displaced(instance)) continue;
    const auto stop = std::find(steps.stop.begin(), steps.stop.end(), instance.id);
    if (stop == steps.stop.end() || std::holds_alternative<Symbol>(placer.next(true))) continue;
    steps.stop.erase(stop);
    steps.holds.emplace_back(instance.id, "no other node has room for it");
    kept.insert(instance.id.slot);
  }
  std::vector<InstanceId> successors;
  for (const Joined& instance : facts.instances)
    if (instance.bucket == Bucket::kMissing && kept.contains(instance.id.slot)) successors.push_back(instance.id);
  return successors;
}

// Returns an Error for what only a defect of this program or a damaged store can bring about.
Result<void> plan_instances(Draft& draft, const AppName& name) {
  const AppRow app = *draft.world().apps.find(name);
  if (!app.deleting && !draft.world().templates.contains({name, app.rollout}))
    return internal("template_missing", "the template of rollout " + std::to_string(app.rollout) + " is not there");
  for (const InstanceId& id : plan_relocation(draft, app)) stop(draft, id, "its node cannot start it, another may");
  const RolloutFacts facts = gather_facts(draft, name);
  if (give_up_if_failed(draft, name, facts)) return {};
  const std::vector<Joined>& instances = facts.instances;
  RolloutSteps steps = plan_rollout(facts);
  const std::vector<InstanceId> homeless = keep_what_has_nowhere_to_go(draft, *app.app, facts, steps);
  // The rows move with the first change: what is needed of them later is taken now.
  std::map<InstanceId, std::string_view> reasons;
  std::set<std::uint32_t> held_slots;
  for (const Joined& instance : instances) {
    reasons[instance.id] = instance.reason;
    if (instance.row != nullptr && !instance.row->node.empty()) held_slots.insert(instance.id.slot);
  }

  for (const Joined& instance : instances) {
    if (instance.bucket != Bucket::kGone) continue;
    draft.because(instance.id, "forgotten: " + std::string(instance.reason));
    draft.change(RemoveInstance{instance.id});
  }
  for (const InstanceId& id : steps.stop) stop(draft, id, reasons[id]);
  for (const auto& [id, why] : steps.holds)
    draft.because(id, (draft.world().instances.contains(id) ? "stays for now: " : "comes later: ") + why);

  std::vector<InstanceId> to_place = steps.create;
  to_place.insert(to_place.end(), homeless.begin(), homeless.end());
  for (const Joined& instance : instances)
    if (instance.bucket == Bucket::kUnplaced && !facts.taken.contains(instance.id.slot) &&
        !facts.queueing.contains(instance.id.slot))
      to_place.push_back(instance.id);
  if (!to_place.empty()) {
    Placer placer(draft.world(), *app.app, draft.now().boot);
    for (const InstanceId& id : to_place) {
      const InstanceRow* const row = draft.world().instances.find(id);
      place(draft, placer, id, row == nullptr ? new_row(draft) : *row, held_slots.contains(id.slot));
    }
  }
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
  const bool frozen = app != nullptr && app->frozen_generation == app->app->metadata.generation;
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
