#include "controller/core/steer.hpp"

#include <algorithm>
#include <utility>

#include "api/check.hpp"
#include "controller/core/published_ports.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/core/wording.hpp"

namespace unik::controller {
namespace {

Error not_now(const AppRow& row, std::string wanted) {
  return conflict("rollout_state", "the rollout of `" + row.app->metadata.name + "` is " +
                                       std::string(to_string(row.state.phase)) + ": " + std::move(wanted));
}

ApplyReply updated(const Draft& draft, const AppRow& row) {
  AppliedObject object;
  object.kind = Kind::kApp;
  object.tenant = row.app->metadata.tenant;
  object.name = row.app->metadata.name;
  object.verb = ApplyVerb::kUpdated;
  object.generation = row.app->metadata.generation;
  ApplyReply reply;
  reply.revision = draft.world().revision;
  reply.objects.push_back(std::move(object));
  return reply;
}

Error it_failed(const AppRow& row) {
  // A way back that failed leads to nothing else: only a hand can say what is to come.
  const bool was_way_back = !row.history.empty() && row.history.back().automatic;
  return not_now(row, "it failed (" + row.state.reason + "): `" +
                          (was_way_back ? "rollback " + row.app->metadata.name + " --to N" : "rollout abort") +
                          "` goes back, a changed template tries again");
}

Error resume_first(const AppRow& row) {
  return not_now(row, "it is paused by hand: `unikctl rollout resume " + row.app->metadata.name + "` comes first");
}

// Of one that is done, the next is meant: it begins paused.
Result<ApplyReply> pause(Draft& draft, AppRow row) {
  if (row.state.held) return not_now(row, "it is paused by hand already");
  if (row.state.phase == RolloutPhase::kPaused) return it_failed(row);
  const bool done = row.state.phase == RolloutPhase::kDone;
  if (!done && row.state.phase != RolloutPhase::kProgressing)
    return not_now(row, "only one that progresses or is done can be paused");
  row.state.held = true;
  if (!done) row.state.phase = RolloutPhase::kPaused;
  ApplyReply reply = updated(draft, row);
  draft.change(PutApp{std::move(row)});
  return reply;
}

Result<ApplyReply> resume(Draft& draft, AppRow row) {
  const bool paused = row.state.phase == RolloutPhase::kPaused;
  if (paused && !row.state.held) return it_failed(row);
  if (!row.state.held) return not_now(row, "only one that is paused can be resumed");
  row.state.held = false;
  if (paused) row.state.phase = RolloutPhase::kProgressing;
  ApplyReply reply = updated(draft, row);
  draft.clocks().rollouts.erase(row.app->name());
  draft.change(PutApp{std::move(row)});
  return reply;
}

bool is_anything_old_left(const World& world, const AppRow& row) {
  bool any = false;
  CurrentTemplate current(world, row.app->name(), row.rollout);
  for_each_instance(world, row.app->name(), [&](const InstanceId& id, const InstanceRow& instance) {
    any |= instance.goal == InstanceGoal::kRun && !current.covers(id.rollout);
  });
  return any;
}

Result<ApplyReply> promote(Draft& draft, AppRow row) {
  const RolloutStrategy strategy = rollout_policy(draft.world(), *row.app).strategy;
  if (strategy != RolloutStrategy::kCanary)
    return not_now(
        row, "only one whose strategy is canary can be promoted, and this one's is " + std::string(name_of(strategy)));
  if (row.state.phase == RolloutPhase::kPaused) return row.state.held ? resume_first(row) : it_failed(row);
  if (row.state.phase != RolloutPhase::kProgressing) return not_now(row, "only one that progresses can be promoted");
  if (row.state.promoted) return not_now(row, "it has been promoted already");
  if (!is_anything_old_left(draft.world(), row))
    return not_now(row, "no instance of an older template is left, so that none waits for canaries");
  row.state.promoted = true;
  ApplyReply reply = updated(draft, row);
  draft.change(PutApp{std::move(row)});
  return reply;
}

Result<ApplyReply> abort_rollout(Draft& draft, const AppRow& row) {
  const bool open = row.state.phase == RolloutPhase::kProgressing || row.state.phase == RolloutPhase::kPaused;
  if (!open)
    return not_now(row, "only one that progresses or is paused can be aborted; `rollback` undoes one that is done");
  const AppName name = row.app->name();
  if (!roll_back(draft, name, {"aborted", "aborted by hand"}, false))
    return conflict("no_good_template", "no other template of `" + name.app.str() +
                                            "` has served: there is nothing to go back to; `unikctl rollback " +
                                            name.app.str() + " --to N` takes any of `unikctl history " +
                                            name.app.str() + "`");
  return updated(draft, *draft.world().apps.find(name));
}

Result<ApplyReply> restart(Draft& draft, AppRow row) {
  if (row.state.held) return resume_first(row);
  const Shared<BootSpec>* const current = draft.world().templates.find({row.app->name(), row.rollout});
  if (current == nullptr) return internal("template_missing", "the app's current template is not there");
  BootSpec boot = **current;
  ++boot.restart;
  const RolloutState before = row.state;
  begin_rollout(row, draft, std::move(boot), false, "restarted by hand");
  if (!runs_what_is_declared(draft.world(), row)) {
    // What was given up stays told for as long as it is declared.
    row.state.reason = before.reason;
    row.state.message = before.message;
    row.state.failed_generation = before.failed_generation;
  }
  ApplyReply reply = updated(draft, row);
  draft.change(PutApp{std::move(row)});
  return reply;
}

Result<ApplyReply> rollback(Draft& draft, const AppRow& row, const RolloutRequest& request) {
  const AppName& name = request.app;
  if (row.state.held) return resume_first(row);
  const TemplateNote* found = request.to ? nullptr : last_good_undeclared(draft.world(), name, row);
  for (const TemplateNote& note : row.history)
    if (note.rollout == request.to && draft.world().templates.contains({name, note.rollout})) found = &note;
  if (found == nullptr && request.to)
    return not_found("template_not_found", "`" + name.app.str() + "` has no template " + std::to_string(*request.to) +
                                               ": `unikctl history " + name.app.str() + "` lists them");
  if (found == nullptr)
    return conflict("no_good_template", "no other template of `" + name.app.str() +
                                            "` than the declared one has served, restarts apart: `unikctl "
                                            "history " +
                                            name.app.str() + "` lists them, `--to` takes any");
  ApplyRequest apply;
  apply.trace_id = request.trace_id;
  apply.why = "back to " + std::to_string(found->rollout) + " by hand";
  App app = *row.app;
  app.spec.boot = **draft.world().templates.find({name, found->rollout});
  app.spec.boot.restart = 0;
  aim_check(app.spec.run.health, row, found->rollout, app.spec.boot);
  redeclare(app.spec.run.publications, row.app->spec.boot.ports, app.spec.boot);
  if (app.spec.boot == row.app->spec.boot && !runs_what_is_declared(draft.world(), row)) {
    // It is declared, and was given up: this is another try.
    AppRow next = row;
    begin_rollout(next, draft, app.spec.boot, false, "tried again by hand");
    draft.change(PutApp{std::move(next)});
    return updated(draft, *draft.world().apps.find(name));
  }
  apply.follow = app != *row.app;
  apply.resources.push_back(std::move(app));
  return admit_apply(draft, apply);
}

}  // namespace

Verdict told_of(const AppRow& row) {
  const RolloutState& state = row.state;
  Verdict told{state.reason, state.message};
  if (!state.held) return told;
  const std::string resume = "`unikctl rollout resume " + row.app->metadata.name + "`";
  const std::string by_hand = state.phase == RolloutPhase::kDone ? "by hand; the next template waits for " + resume
                                                                 : "by hand; " + resume + " goes on";
  if (told.reason.empty()) return {kPausedByHand, by_hand};
  told.message += "; paused " + by_hand;
  return told;
}

std::string_view to_string(RolloutVerb verb) {
  switch (verb) {
    case RolloutVerb::kPause:
      return "pause";
    case RolloutVerb::kResume:
      return "resume";
    case RolloutVerb::kPromote:
      return "promote";
    case RolloutVerb::kAbort:
      return "abort";
    case RolloutVerb::kRestart:
      return "restart";
    case RolloutVerb::kRollback:
      return "rollback";
  }
  UNIK_CHECK(false, "a rollout verb outside the enumeration");
}

Result<ApplyReply> admit_rollout(Draft& draft, const RolloutRequest& request) {
  const AppRow* const found = draft.world().apps.find(request.app);
  const std::string& app = request.app.app.str();
  if (found == nullptr) return no_such(Kind::kApp, app);
  if (found->deleting)
    return conflict("app_deleting", "app `" + app +
                                        "` is being deleted: nothing of it is rolled out any more; `unikctl wait app/" +
                                        app + " --for deleted` returns when it is gone");
  const AppRow row = *found;
  switch (request.verb) {
    case RolloutVerb::kPause:
      return pause(draft, row);
    case RolloutVerb::kResume:
      return resume(draft, row);
    case RolloutVerb::kPromote:
      return promote(draft, row);
    case RolloutVerb::kAbort:
      return abort_rollout(draft, row);
    case RolloutVerb::kRestart:
      return restart(draft, row);
    case RolloutVerb::kRollback:
      return rollback(draft, row, request);
  }
  UNIK_CHECK(false, "a rollout verb outside the enumeration");
}

Result<ApplyReply> admit_drain(Draft& draft, const DrainRequest& request) {
  const NodeRow* const row = draft.world().nodes.find(Symbol(request.node));
  if (row == nullptr) return no_such(Kind::kNode, request.node);
  ApplyRequest apply;
  Node node = *row->node;
  Drain& drain = node.spec.drain;
  if (!drain.enabled) drain = {};
  drain.enabled = true;
  drain.deadline = request.deadline.value_or(drain.deadline);
  drain.force = request.force.value_or(drain.force);
  drain.reason = request.reason.value_or(drain.reason);
  apply.resources.push_back(std::move(node));
  return admit_apply(draft, apply);
}

}  // namespace unik::controller
