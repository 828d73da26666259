#include "tests/sim/drills.hpp"

#include <utility>

namespace unik::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

App app_of(std::string name) {
  App app;
  app.metadata.name = std::move(name);
  app.metadata.tenant = kDefaultTenant;
  app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
  return app;
}

}  // namespace

void Drills::plan() {
  cluster_.timeline.after(seconds(5), [this] { declare_apps(); });
  // Anywhere between two heartbeats.
  cluster_.timeline.after(cluster_.random.between(seconds(60), seconds(70)), [this] { begin(); });
}

// Every other one is a strict singleton.
void Drills::declare_apps() {
  // Before a namesake may take a silent node's name, what it runs is replaced elsewhere, or not.
  const bool patient = cluster_.options.drill == Drill::kNamesake && cluster_.random.chance(0.5);
  const Duration lost_after = minutes(patient ? 5 : 1);
  controller::ApplyRequest apply;
  for (int i = 0; i < cluster_.options.apps; ++i) {
    App app = app_of("app" + std::to_string(i));
    app.spec.replicas = 3;
    app.spec.disconnect.lost_after = lost_after;
    if (i % 2 == 1) app.spec.boot.singleton = Singleton::kStrict;
    fleet_.prepare(app);
    apply.resources.push_back(std::move(app));
  }
  clients_.ask_as("user", std::move(apply));
}

void Drills::begin() {
  cluster_.drill_began = cluster_.timeline.now().boot;
  placed_before_ = cluster_.outcome.placed;
  on_first_before_ = cluster_.nodes[0]->vms().size();
  switch (cluster_.options.drill) {
    case Drill::kNone:
      return;
    case Drill::kFlap:
      return flap(seconds(15), seconds(15));
    case Drill::kLongFlap:
      return flap(seconds(130), seconds(40));
    case Drill::kDeadAgent:
      return kill_agent();
    case Drill::kAllSilent:
      return silence_all();
    case Drill::kNamesake:
      return namesake_.come_up();
    case Drill::kColdStart:
      return start_cold();
    case Drill::kDrain:
      return fleet_.drain();
    case Drill::kBadRollout:
      return fleet_.roll_out_badly();
    case Drill::kUnheardUpdate:
      return fleet_.update_unheard();
    case Drill::kLateRoom:
      return fleet_.make_room_late();
    case Drill::kReaders:
      readers_.come();
      return fleet_.change_all_twice();
    case Drill::kSuspended:
      return fleet_.suspend_first();
    case Drill::kQuotaEdge:
      return crowd();
    case Drill::kClockJumps:
      return jump_clocks();
  }
}

void Drills::flap(Duration away, Duration back) {
  cluster_.cut_until[0] = cluster_.timeline.now().boot + away;
  cluster_.timeline.after(away + back, [this, away, back] { flap(away, back); });
}

void Drills::check_churn() {
  const Drill drill = cluster_.options.drill;
  if (drill != Drill::kFlap && drill != Drill::kLongFlap) return;
  const std::uint64_t moved = cluster_.outcome.placed - placed_before_;
  cluster_.expect(
      moved <= on_first_before_,
      "churn: " + std::to_string(moved) + " instances were moved for a node of " + std::to_string(on_first_before_));
}

void Drills::kill_agent() {
  cluster_.nodes[0]->crash();
  cluster_.timeline.after(minutes(5), [this] { cluster_.nodes[0]->start(); });
}

void Drills::silence_all() {
  for (Time& until : cluster_.cut_until) until = cluster_.timeline.now().boot + cluster_.options.away;
}

void Drills::start_cold() {
  cluster_.controller.crash();
  cluster_.timeline.after(cluster_.options.away, [this] { cluster_.controller.start(); });
}

// A day forward, two days back, a day forward: where it began.
void Drills::jump_clocks() {
  constexpr std::chrono::hours kDay(24);
  cluster_.timeline.jump_wall_clock(kDay);
  cluster_.timeline.after(minutes(2), [this, kDay] { cluster_.timeline.jump_wall_clock(-2 * kDay); });
  cluster_.timeline.after(minutes(4), [this, kDay] { cluster_.timeline.jump_wall_clock(kDay); });
}

void Drills::crowd() {
  controller::ApplyRequest bounds;
  Tenant tenant;
  tenant.metadata.name = kDefaultTenant;
  tenant.spec.quota.instances = 20;
  bounds.resources.push_back(std::move(tenant));
  clients_.ask_as("operator", std::move(bounds));
  for (int i = 0; i < 100; ++i) {
    App app = app_of("crowd" + std::to_string(i));
    app.spec.replicas = static_cast<std::uint32_t>(1 + cluster_.random.below(3));
    if (i % 2 == 0) app.spec.boot.resources.memory = mebibytes(1);
    controller::ApplyRequest apply;
    apply.resources.push_back(std::move(app));
    cluster_.timeline.after(seconds(1), [this, apply] { clients_.ask_as("user", apply); });
  }
}

}  // namespace unik::sim
