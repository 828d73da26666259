#include "controller/build_turns.hpp"

namespace unik::controller {

void BuildTurns::ended(const BuildEnded& event) {
  if (begun_ == event.key) ended_ = event.outcome;
}

bool BuildTurns::has_work(const World& world) const {
  if (world.history_lost) return false;
  if (ended_) return true;
  const auto first = world.unfinished_builds.begin();
  return first != world.unfinished_builds.end() && begun_ != first->first;
}

std::optional<Caller> BuildTurns::plan(const World& committed, Draft& draft) const {
  if (committed.history_lost) return std::nullopt;
  std::optional<Caller> caller;
  if (begun_ && ended_) {
    const Operation& operation = **draft.world().operations.find(*begun_);
    if (!is_final(operation)) caller = Caller{operation.build->actor, operation.trace_id, "", 0};
    settle_build(draft, *begun_, *ended_);
  }
  steer_builds(draft, begun_);
  return caller;
}

void BuildTurns::committed(const Record& record, Effects& effects) {
  for (const Change& change : record.changes) {
    const auto* const put = std::get_if<PutOperation>(&change);
    if (put == nullptr || put->operation->kind != OperationKind::kBuild) continue;
    if (put->operation->state == OperationState::kRunning && begun_ != put->key) {
      begun_ = put->key;
      effects.list.push_back(BeginBuild{put->key, put->operation});
    }
    if (is_final(*put->operation) && begun_ == put->key) {
      if (!ended_) effects.list.push_back(EndBuild{put->key});
      begun_.reset();
      ended_.reset();
    }
  }
}

}  // namespace unik::controller
