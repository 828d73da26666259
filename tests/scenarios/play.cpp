#include <utility>

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
  if (!asked.join) return std::nullopt;
  const Result<RegisterReply> reply = admit_register(draft, *asked.join);
  if (!reply.ok()) return reply.error();
  if (reply->newer_start == 0) return std::nullopt;
  return conflict("old_start", "the agent's start " + std::to_string(reply->newer_start) + " is known already");
}

}  // namespace

Result<Outcome> play(const Scenario& scenario) {
  World world = scenario.world;
  ++world.revision;
  Draft draft(world, scenario.now);
  Outcome outcome;
  if (const std::optional<Error> refused = admit(draft, scenario.asked)) {
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
