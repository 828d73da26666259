#include "tests/sim/simulated_controller.hpp"

#include <algorithm>
#include <utility>

namespace unik::sim {
namespace {

using std::chrono::milliseconds;

}  // namespace

SimulatedController::SimulatedController(Timeline& timeline, Random& random, controller::LoopOptions options,
                                         bool forgets)
    : timeline_(timeline),
      options_(options),
      forgets_(forgets),
      journal_(timeline, random, [this](controller::Event event) { deliver(std::move(event)); }),
      builder_(timeline, [this](controller::Event event) { deliver(std::move(event)); }) {
  journal_.dies_here = [this] { return died(); };
}

void SimulatedController::start() {
  ++life_;
  controller::World world = journal_.durable();
  if (forgets_) world.unplaced = {};
  loop_ = std::make_unique<controller::Loop>(std::move(world), options_);
  inbox_.clear();
  wake_at_.reset();
  turn_soon();
}

void SimulatedController::crash() {
  loop_.reset();
  ++life_;
  inbox_.clear();
  journal_.crash();
  builder_.crash();
  for (auto& [id, on_answer] : std::exchange(waiting_, {})) on_answer(std::nullopt);
}

void SimulatedController::ask(const std::function<controller::Event(controller::RequestId)>& make, OnAnswer on_answer) {
  if (!loop_) return on_answer(std::nullopt);
  const controller::RequestId id = ++last_id_;
  waiting_.emplace(id, std::move(on_answer));
  deliver(make(id));
}

void SimulatedController::deliver(controller::Event event) {
  inbox_.push_back(std::move(event));
  turn_soon();
}

void SimulatedController::turn_soon() {
  if (turn_planned_) return;
  turn_planned_ = true;
  timeline_.after(Duration(50), [this] {
    turn_planned_ = false;
    turn();
  });
}

void SimulatedController::turn() {
  if (!loop_) return;
  const std::vector<controller::Event> events = std::exchange(inbox_, {});
  const controller::Effects effects = loop_->turn(timeline_.now(), events);
  const std::uint64_t life = life_;
  for (const controller::Effect& effect : effects.list) {
    carry_out(effect);
    if (life != life_) return;
  }
  const bool rests = !effects.wake_at || *effects.wake_at > timeline_.now().boot + controller::kLeastPlanGap;
  if (rests && on_rest && journal_.is_settled()) on_rest();
  if (!effects.wake_at || (wake_at_ && *wake_at_ <= *effects.wake_at && *wake_at_ > timeline_.now().boot)) return;
  wake_at_ = effects.wake_at;
  // As in the running controller, a turn comes at least every second: silence is counted in turns.
  const Duration delay =
      std::clamp(*effects.wake_at - timeline_.now().boot, Duration(50), Duration(milliseconds(1000)));
  wake_at_ = timeline_.now().boot + delay;
  timeline_.after(delay, [this, life] {
    if (life != life_) return;
    wake_at_.reset();
    turn_soon();
  });
}

bool SimulatedController::died() {
  if (!dies_here || !dies_here()) return false;
  crash();
  return true;
}

void SimulatedController::carry_out(const controller::Effect& effect) {
  if (const auto* const reply = std::get_if<controller::Reply>(&effect)) {
    if (died()) return;
    if (const auto* const applied = std::get_if<ApplyReply>(&reply->answer);
        applied != nullptr && applied->revision > durable().revision)
      broken_.push_back("a user was told of revision " + std::to_string(applied->revision) + " before it was durable");
    auto waiting = waiting_.extract(reply->id);
    if (!waiting.empty()) waiting.mapped()(reply->answer);
    died();
  } else if (const auto* const begin = std::get_if<controller::BeginCommit>(&effect)) {
    journal_.begin_commit(begin->record);
  } else if (std::holds_alternative<controller::ReopenStore>(effect)) {
    journal_.reopen();
  } else if (const auto* const published = std::get_if<controller::PublishWorld>(&effect)) {
    if (on_publish) on_publish(published->world);
  } else if (const auto* const begin_build = std::get_if<controller::BeginBuild>(&effect)) {
    if (!died()) begin_build_now(*begin_build);
  } else if (const auto* const end_build = std::get_if<controller::EndBuild>(&effect)) {
    builder_.end(*end_build);
  }
}

void SimulatedController::begin_build_now(const controller::BeginBuild& begin) {
  const controller::Shared<Operation>* const row = durable().operations.find(begin.key);
  if (row == nullptr || (*row)->state != OperationState::kRunning)
    broken_.push_back("the build " + to_string(begin.key) + " was begun before its turn was durable");
  builder_.begin(begin);
}

}  // namespace unik::sim
