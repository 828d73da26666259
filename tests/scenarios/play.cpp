#include <utility>

#include "controller/core/foresee.hpp"
#include "controller/core/plan.hpp"
#include "controller/core/reconcile.hpp"
#include "tests/scenarios/scenario.hpp"
#include "tests/scenarios/steps.hpp"

namespace unik::controller::scenario {
namespace {

// Empty when nothing was refused.
std::optional<Error> admit(Draft& draft, const Asked& asked) {
  const auto refusal = [](const Result<ApplyReply>& reply) -> std::optional<Error> {
    if (reply.ok()) return std::nullopt;
    return reply.error();
  };
  if (asked.apply) return refusal(admit_apply(draft, *asked.apply));
  if (asked.remove) return refusal(admit_delete(draft, *asked.remove));
  if (asked.cordon) return refusal(admit_cordon(draft, *asked.cordon));
  if (asked.drain) return refusal(admit_drain(draft, *asked.drain));
  if (asked.rollout) return refusal(admit_rollout(draft, *asked.rollout));
  if (asked.quarantine) return refusal(admit_quarantine(draft, *asked.quarantine));
  if (asked.build) return refusal(admit_build(draft, *asked.build));
  if (!asked.join) return std::nullopt;
  if (const Result<void> fit = check_register(*asked.join, draft.now().wall); !fit) return fit.error();
  const Result<RegisterReply> reply = admit_register(draft, *asked.join);
  if (!reply.ok()) return reply.error();
  if (reply->newer_start == 0) return std::nullopt;
  return conflict("old_start", "the agent's start " + std::to_string(reply->newer_start) + " is known already");
}

// What the API and the loop see to before anything is admitted.
std::optional<Error> turn_away(const World& world, const Asked& asked) {
  if (asked.unreadable) return asked.unreadable;
  if (const auto first = first_answer(world, asked.key, kOwnRequest); first && !first->ok()) return first->error();
  const bool changes =
      asked.apply || asked.remove || asked.cordon || asked.drain || asked.rollout || asked.quarantine || asked.build;
  if (world.history_lost && changes) return refuse_before_recovery();
  return std::nullopt;
}

Outcome outcome_of(const Result<ApplyReply>& foreseen) {
  Outcome outcome;
  if (!foreseen) {
    outcome.refused = to_string(foreseen.error());
    return outcome;
  }
  for (const PlacementView& one : foreseen->placements) {
    const std::string name = one.tenant == kDefaultTenant ? one.instance : one.tenant + "/" + one.instance;
    outcome.placements.push_back(name + (one.node.empty() ? " nowhere: " + one.reason : " -> " + one.node) + ": " +
                                 one.message);
  }
  outcome.notes = foreseen->notes;
  return outcome;
}

}  // namespace

Result<Outcome> play(const Scenario& scenario) {
  const Asked& asked = scenario.asked;
  if (asked.dry_run) return outcome_of(foresee_apply(scenario.world, *asked.dry_run, asked.tenant));
  if (asked.whatif)
    return outcome_of(foresee_loss(scenario.world, asked.whatif->lose, asked.whatif->add, asked.tenant));
  if (const std::optional<Error> refused = turn_away(scenario.world, asked)) {
    Outcome outcome;
    outcome.refused = to_string(*refused);
    return outcome;
  }
  World world = scenario.world;
  ++world.revision;
  Draft draft(world, scenario.now);
  Outcome outcome;
  if (const std::optional<Error> refused = admit(draft, asked)) {
    if (!draft.plan().changes.empty()) return internal("half_done", "a refused request has changed something");
    outcome.refused = to_string(*refused);
    return outcome;
  }
  Dirty everything;
  everything.everything = true;
  reconcile(draft, everything);
  outcome.steps = steps_of(world, draft.plan());
  for (const Reason& reason : draft.plan().reasons) outcome.reasons.push_back(reason.object + ": " + reason.text);

  const Plan again = reconcile(draft.world(), everything, scenario.now);
  if (again.changes.empty()) return outcome;
  std::string steps;
  for (const std::string& step : steps_of(draft.world(), again)) steps += "\n  " + step;
  return internal("unsettled", "a second plan would still change something:" + steps);
}

}  // namespace unik::controller::scenario
