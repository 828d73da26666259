#include "controller/core/rollout_watch.hpp"

#include <algorithm>
#include <utility>

namespace unik::controller {
namespace {

void keep_ready_clocks(Draft& draft, const std::vector<Joined>& instances) {
  auto& clocks = draft.clocks().ready_since;
  for (const Joined& instance : instances) {
    if (instance.row == nullptr) continue;
    if (!instance.serves) {
      clocks.erase(instance.id);
    } else if (!clocks.contains(instance.id)) {
      clocks.set(instance.id, draft.now().boot);
    }
  }
}

TemplateNote* note_of(AppRow& row) {
  return row.history.empty() || row.history.back().rollout != row.rollout ? nullptr : &row.history.back();
}

template <typename Differs>
const TemplateNote* newest_good(const World& world, const AppName& name, const AppRow& row, Differs differs) {
  for (auto note = row.history.rbegin(); note != row.history.rend(); ++note) {
    const Shared<BootSpec>* const boot = world.templates.find({name, note->rollout});
    const bool may_return = note->outcome == TemplateOutcome::kGood && (!note->job || is_job(*row.app));
    if (may_return && boot != nullptr && differs(note->rollout, **boot)) return &*note;
  }
  return nullptr;
}

}  // namespace

void aim_check(std::optional<HealthCheck>& health, const AppRow& row, std::uint64_t rollout, const BootSpec& boot) {
  if (!health && boot.check) {
    const auto note = std::ranges::find(row.history, rollout, &TemplateNote::rollout);
    if (note != row.history.end()) health = note->health;
  }
  aim(health, boot.check);
}

namespace {

void set_outcome(AppRow& row, TemplateOutcome outcome, std::string message = {}) {
  TemplateNote* const note = note_of(row);
  if (note == nullptr) return;
  note->outcome = outcome;
  if (!message.empty()) note->message = std::move(message);
}

void finish(Draft& draft, const AppName& name) {
  AppRow row = *draft.world().apps.find(name);
  row.state.phase = RolloutPhase::kDone;
  row.state.blue_green = false;
  // Nothing proves itself with no replicas.
  if (row.app->spec.replicas > 0) row.state.live = row.rollout, row.retired_live.clear();
  if (row.app->spec.replicas > 0) set_outcome(row, TemplateOutcome::kGood);
  row.state.failed_generation = 0;
  // What was given up stays told for as long as it is declared, a restart until something else begins.
  const bool gone_back = !row.history.empty() && row.history.back().automatic;
  if (runs_what_is_declared(draft.world(), row) && !gone_back) row.state.reason.clear(), row.state.message.clear();
  draft.because(name, "rollout " + std::to_string(row.rollout) + " is done");
  draft.change(PutApp{std::move(row)});
}

void promote(Draft& draft, const AppName& name) {
  AppRow row = *draft.world().apps.find(name);
  row.state.promoted = true;
  draft.because(name, "the canaries have baked: the others follow");
  draft.change(PutApp{std::move(row)});
}

void switch_ports(Draft& draft, const AppName& name) {
  AppRow row = *draft.world().apps.find(name);
  row.state.blue_green = false;
  draft.because(name, "nothing serves any more that has the published ports: they go to what serves");
  draft.change(PutApp{std::move(row)});
}

// What has served as a whole is no experiment: the way back to it waits for no canaries. A restart is no way back.
bool is_way_back(const World& world, const AppRow& row, const BootSpec& boot) {
  const auto runs = [&](std::uint64_t rollout) {
    const Shared<BootSpec>* const other = world.templates.find({row.app->name(), rollout});
    return other != nullptr && same_but_for_restarts(**other, boot);
  };
  return !runs(row.rollout) && std::ranges::any_of(row.history, [&](const TemplateNote& note) {
    return note.outcome == TemplateOutcome::kGood && (!note.job || is_job(*row.app)) && runs(note.rollout);
  });
}

// The newest one that served is kept whatever its age: it is the way back.
void forget_oldest(AppRow& row) {
  if (row.history.size() <= kMaxHistory) return;
  const auto is_good = [](const TemplateNote& note) { return note.outcome == TemplateOutcome::kGood; };
  const auto newest_good = std::find_if(row.history.rbegin(), row.history.rend(), is_good);
  const bool first_is_kept = newest_good != row.history.rend() && newest_good + 1 == row.history.rend();
  row.history.erase(row.history.begin() + (first_is_kept ? 1 : 0));
}

// Patience with a lost node that runs out later, and the lease of a strict instance there.
void wake_when_patience_ends(Draft& draft, const RolloutFacts& facts, const Disconnect& disconnect) {
  for (const Joined& instance : facts.instances)
    if (instance.bucket == Bucket::kStopping)
      if (const auto over = lease_over_at(draft.world(), instance.id, *instance.row))
        draft.wake_at(std::max(*over, draft.now().boot));
  if (facts.held.until) draft.wake_at(std::max(*facts.held.until, draft.now().boot));
  if (!disconnect.replace) return;
  for (const Joined& instance : facts.instances) {
    if (!instance.on_lost_node || instance.bucket == Bucket::kLost) continue;
    const Time over = heard(draft.world(), instance.row->node) + disconnect.lost_after;
    if (over > draft.now().boot) draft.wake_at(over);
  }
}

}  // namespace

const TemplateNote* last_good(const World& world, const AppName& name, const AppRow& row) {
  const Shared<BootSpec>* const current = world.templates.find({name, row.rollout});
  return newest_good(world, name, row, [&](std::uint64_t rollout, const BootSpec& boot) {
    return rollout != row.rollout && (current == nullptr || boot != **current);
  });
}

const TemplateNote* last_good_undeclared(const World& world, const AppName& name, const AppRow& row) {
  return newest_good(world, name, row, [&](std::uint64_t, const BootSpec& boot) {
    return !same_but_for_restarts(boot, row.app->spec.boot);
  });
}

RolloutFacts gather_facts(Draft& draft, const AppName& name) {
  RolloutFacts facts = facts_of(draft.world(), name, *draft.world().apps.find(name), draft.now());
  keep_ready_clocks(draft, facts.instances);
  wake_when_patience_ends(draft, facts, draft.world().apps.find(name)->app->spec.disconnect);
  return facts;
}

bool give_up_if_failed(Draft& draft, const AppName& name, const RolloutFacts& facts) {
  const AppRow& app = *draft.world().apps.find(name);
  if (app.deleting || app.state.phase != RolloutPhase::kProgressing) return false;
  const std::optional<Verdict> verdict = judge_rollout(facts);
  if (!verdict) return false;
  const bool was_automatic = !app.history.empty() && app.history.back().automatic;
  // The policies of jobs are their exit codes: going back would run an old job again.
  const bool job = facts.is_job;
  if (facts.policy.auto_rollback && !was_automatic && !job && roll_back(draft, name, *verdict, true)) return true;
  AppRow row = *draft.world().apps.find(name);
  const bool any_good = last_good(draft.world(), name, row) != nullptr;
  row.state.phase = any_good && !job ? RolloutPhase::kPaused : RolloutPhase::kFailed;
  row.state.failed_generation = row.app->metadata.generation;
  row.state.reason = verdict->reason;
  row.state.message = verdict->message;
  set_outcome(row, TemplateOutcome::kFailed, verdict->message);
  draft.because(name, "rollout " + std::to_string(row.rollout) + " " + std::string(to_string(row.state.phase)) + ": " +
                          verdict->message);
  draft.change(PutApp{std::move(row)});
  return true;
}

void note_progress(Draft& draft, const AppName& name, const RolloutFacts& facts, const RolloutSteps& steps) {
  const AppRow& app = *draft.world().apps.find(name);
  if (app.deleting) return;
  RolloutClock clock = facts.clock;
  if (!steps.canaries_stay) clock.baking.reset();
  if (steps.canaries_arrived && !clock.baking) clock.baking = facts.now;
  // One that comes and goes is no progress.
  const bool more_arrived = steps.arrived > clock.most_arrived;
  clock.arrived = steps.arrived;
  clock.most_arrived = std::max(clock.most_arrived, steps.arrived);
  RolloutFacts now_on = facts;
  now_on.clock = clock;
  const bool waits = waits_for_canaries(now_on) || waits_for_end(now_on) || app.state.phase == RolloutPhase::kPaused;
  if (more_arrived || waits) clock.progressed = facts.now;
  if (app.state.phase == RolloutPhase::kDone) {
    draft.clocks().rollouts.erase(name);
  } else {
    draft.clocks().rollouts.set(name, clock);
  }
  if (steps.wake_at) draft.wake_at(*steps.wake_at);
  if (app.state.phase == RolloutPhase::kProgressing && !steps.complete && !waits && !facts.stands_still)
    draft.wake_at(clock.progressed + facts.policy.progress_deadline);
  if (steps.promote) promote(draft, name);
  if (steps.switch_ports) switch_ports(draft, name);
  // With no replicas nothing is wrong any more with one that was given up, and nothing is proved.
  const bool is_open = app.state.phase == RolloutPhase::kProgressing || facts.replicas > 0;
  if (steps.complete && is_open && app.state.phase != RolloutPhase::kDone && !is_paused_by_hand(app.state))
    finish(draft, name);
}

void begin_rollout(AppRow& row, Draft& draft, BootSpec boot, bool automatic, std::string message) {
  const AppName name = row.app->name();
  const std::uint64_t rollout = rollout_number(draft.world().cluster.epoch, draft.world().revision);
  // Two changes in one record are one template.
  const bool is_second = row.rollout == rollout && note_of(row) != nullptr;
  if (is_second) row.history.pop_back();
  TemplateNote* const before = note_of(row);
  const AppRow* const was = draft.world().apps.find(name);
  if (before != nullptr && was != nullptr && !is_second) before->job = is_job(*was->app);
  std::optional<HealthCheck> health = row.app->spec.run.health;
  // The same template anew, as by a restart after a rollback.
  if (!health && boot.check && before != nullptr) health = before->health;
  if (before != nullptr && before->outcome == TemplateOutcome::kPending) before->outcome = TemplateOutcome::kReplaced;
  const std::uint64_t live = row.state.live;
  const RolloutStrategy strategy = rollout_policy(draft.world(), *row.app).strategy;
  const bool promoted = strategy == RolloutStrategy::kCanary && is_way_back(draft.world(), row, boot);
  // Side by side is what a strict singleton must never be.
  const bool blue_green = boot.singleton != Singleton::kStrict && strategy == RolloutStrategy::kBlueGreen &&
                          (row.state.blue_green || may_go_blue_green(draft.world(), row));
  if (live == row.rollout) row.retired_live = std::move(row.retired);
  const bool held = row.state.held;
  row.retired.clear();
  row.rollout = rollout;
  row.state = {};
  row.state.live = live;
  row.state.promoted = promoted;
  row.state.blue_green = blue_green;
  row.state.held = held;
  if (held) row.state.phase = RolloutPhase::kPaused;
  TemplateNote note;
  note.rollout = row.rollout;
  note.at = draft.now().wall;
  note.generation = row.app->metadata.generation;
  note.automatic = automatic;
  note.message = std::move(message);
  note.health = std::move(health);
  row.history.push_back(std::move(note));
  forget_oldest(row);
  draft.change(PutTemplate{{name, row.rollout}, std::move(boot)});
}

bool roll_back(Draft& draft, const AppName& name, const Verdict& verdict, bool automatic) {
  AppRow row = *draft.world().apps.find(name);
  const TemplateNote* const good = last_good(draft.world(), name, row);
  // One record introduces one template: a second change in the same record waits for the next.
  const std::uint64_t introduced = rollout_number(draft.world().cluster.epoch, draft.world().revision);
  if (good == nullptr || row.rollout == introduced) return false;
  const std::uint64_t to = good->rollout;
  std::optional<HealthCheck> health = good->health;
  const std::uint64_t from = row.rollout;
  BootSpec boot = **draft.world().templates.find({name, to});
  set_outcome(row, TemplateOutcome::kFailed, verdict.message);
  row.state.held = false;
  begin_rollout(row, draft, std::move(boot), automatic,
                "back to " + std::to_string(to) + ", since " + std::to_string(from) + " failed");
  note_of(row)->health = std::move(health);
  row.state.failed_generation = row.app->metadata.generation;
  row.state.reason = verdict.reason;
  row.state.message = "rollout " + std::to_string(from) + " was given up: " + verdict.message;
  draft.because(name, row.state.message + "; back to " + std::to_string(to));
  draft.change(PutApp{std::move(row)});
  return true;
}

}  // namespace unik::controller
