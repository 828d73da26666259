#include "tests/sim/simulated_controller.hpp"

#include <algorithm>
#include <utility>

namespace unik::sim {
namespace {

using std::chrono::milliseconds;

}  // namespace

SimulatedController::SimulatedController(Timeline& timeline, Random& random, controller::LoopOptions options)
    : timeline_(timeline), random_(random), options_(options) {
  persist(controller::first_record("cluster", timeline.now().wall));
}

void SimulatedController::start() {
  ++life_;
  loop_ = std::make_unique<controller::Loop>(durable_, options_);
  inbox_.clear();
  wake_at_.reset();
  turn_soon();
}

void SimulatedController::crash() {
  loop_.reset();
  ++life_;
  inbox_.clear();
  if (flight_ && !flight_->durable && random_.chance(0.5)) persist(*flight_->record);
  flight_.reset();
  for (auto& [id, on_answer] : std::exchange(waiting_, {})) on_answer(std::nullopt);
}

void SimulatedController::copy_store() {
  copied_ = durable_;
  copied_records_ = journal_.size();
}

void SimulatedController::restore_store() {
  durable_ = copied_;
  journal_.resize(copied_records_);
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
        applied != nullptr && applied->revision > durable_.revision)
      broken_.push_back("a user was told of revision " + std::to_string(applied->revision) + " before it was durable");
    auto waiting = waiting_.extract(reply->id);
    if (!waiting.empty()) waiting.mapped()(reply->answer);
    died();
  } else if (const auto* const begin = std::get_if<controller::BeginCommit>(&effect)) {
    commit(begin->record);
  } else if (std::holds_alternative<controller::ReopenStore>(effect)) {
    timeline_.after(milliseconds(30), [this, life = life_] {
      if (life != life_) return;
      if (disk_failing_ && random_.chance(0.3))
        return deliver(controller::StoreStillClosed{unavailable("io_error", "simulated")});
      flight_.reset();
      deliver(controller::StoreReopened{durable_.revision});
    });
  }
}

void SimulatedController::commit(std::shared_ptr<const controller::Record> record) {
  if (flight_) broken_.push_back("two commits are under way");
  if (died()) return;
  if (on_begin) on_begin(*record);
  flight_ = Flight{std::move(record), false};
  timeline_.after(random_.between(Duration(500), milliseconds(8)), [this, life = life_] {
    if (life != life_) return;
    const std::uint64_t seq = flight_->record->seq;
    const double luck = static_cast<double>(random_.below(1000)) / 1000;
    if (disk_failing_ && luck < 0.3) {
      flight_.reset();
      return deliver(controller::Rejected{seq, exhausted("disk_full", "simulated")});
    }
    const bool unclear = disk_failing_ && luck < 0.5;
    if (!unclear || random_.chance(0.5)) {
      persist(*flight_->record);
      flight_->durable = true;
    }
    if (died()) return;
    if (unclear) return deliver(controller::CommitUnknown{seq, unavailable("io_error", "simulated")});
    flight_.reset();
    deliver(controller::Committed{seq});
  });
}

void SimulatedController::persist(const controller::Record& record) {
  if (record.seq != durable_.revision + 1) {
    broken_.push_back("record " + std::to_string(record.seq) + " after " + std::to_string(durable_.revision));
    return;
  }
  controller::apply(durable_, record);
  journal_.push_back(record);
  if (on_durable) on_durable(record);
}

}  // namespace unik::sim
