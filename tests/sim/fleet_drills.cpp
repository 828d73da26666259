#include "tests/sim/fleet_drills.hpp"

#include <algorithm>
#include <set>

#include "controller/core/place.hpp"
#include "controller/core/status.hpp"

namespace unik::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kDrainBegins = seconds(30);
constexpr Duration kDrainDeadline = minutes(2);
constexpr Duration kGivenUp = minutes(4);  // by then a rollout that cannot go on has been given up
constexpr std::uint64_t kBadKinds = 3;     // crashing, a bad image, and a bad predecessor beside

App app_of(std::string name) {
  App app;
  app.metadata.name = std::move(name);
  app.metadata.tenant = kDefaultTenant;
  app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
  return app;
}

App crashing_app(const std::string& node) {
  App app = app_of("crashing");
  app.spec.boot.env["BROKEN"] = "1";
  app.spec.placement.node_selector[std::string(controller::kNameLabel)] = node;
  return app;
}

// What is said of the drain.
Condition drained(const controller::World& world, const std::string& name) {
  const Symbol node(name);
  const NodeView view = controller::view_node(world, node, *world.nodes.find(node));
  const auto found = std::ranges::find(view.conditions, "Drained", &Condition::type);
  return found == view.conditions.end() ? Condition{} : *found;
}

bool is_said_to_be_empty(const controller::World& world, const std::string& name) {
  return drained(world, name).status == "True";
}

}  // namespace

void FleetDrills::prepare(App& app) const {
  if (cluster_.options.drill == Drill::kUnheardUpdate) app.spec.disconnect.lost_after = minutes(10);
  if (cluster_.options.drill != Drill::kBadRollout) return;
  const bool surges = cluster_.options.seed % kBadKinds != 2;
  RolloutPolicy rollout;
  rollout.max_surge = surges ? 1 : 0;
  rollout.max_unavailable = surges ? 0 : 1;
  rollout.progress_deadline = seconds(60);
  rollout.gate.healthy_for = seconds(8);  // what crashes serves for an instant each time, or unseen for 5 s
  app.spec.rollout = rollout;
  app.spec.boot.env["ROTS"] = "1";
}

// ---- Fault 18 ----

void FleetDrills::drain() {
  declare_crashing();
  cluster_.timeline.after(kDrainBegins, [this] {
    for (const auto& [id, vm] : first().vms())
      if (vm.running && id.app != Symbol("crashing")) before_[id] = vm.process;
    cordon_others(false);
    clients_.ask_as("operator", controller::DrainRequest{first().name(), kDrainDeadline, false, {}});
    check_drain();
  });
  cluster_.timeline.after(seconds(58), [this] { check_blocked(); });
  if (cluster_.random.chance(0.5)) {
    cluster_.timeline.after(seconds(60), [this] { first().crash(); });
    cluster_.timeline.after(minutes(6), [this] { first().start(); });
  } else {
    cluster_.timeline.after(kDrainBegins + kDrainDeadline - seconds(5), [this] {
      check_blocked();
      check_undisturbed();
    });
    cluster_.timeline.after(kDrainBegins + kDrainDeadline + seconds(45), [this] { check_forced(); });
  }
  cluster_.timeline.after(seconds(200), [this] { cluster_.controller.crash(); });
  cluster_.timeline.after(seconds(205), [this] { cluster_.controller.start(); });
  cluster_.timeline.after(seconds(400), [this] { cordon_others(true); });
  cluster_.timeline.after(minutes(9), [this] {
    cluster_.expect(is_said_to_be_empty(cluster_.controller.world(), first().name()), "drain: it does not end");
  });
}

// It can run on no other node, and does not hold up the drain: it serves nobody. In the end somebody mends it.
void FleetDrills::declare_crashing() {
  controller::ApplyRequest apply;
  apply.resources.push_back(crashing_app(first().name()));
  clients_.ask_as("user", std::move(apply));
  cluster_.timeline.after(seconds(440), [this] {
    controller::ApplyRequest mended;
    App app = crashing_app(first().name());
    app.spec.boot.env.clear();
    app.spec.placement = {};
    mended.resources.push_back(std::move(app));
    clients_.ask_as("user", std::move(mended));
  });
}

void FleetDrills::cordon_others(bool schedulable) {
  for (std::size_t i = 1; i < cluster_.nodes.size(); ++i) cordon(*cluster_.nodes[i], schedulable);
}

void FleetDrills::cordon(const SimulatedNode& node, bool schedulable) {
  clients_.ask_as("operator", controller::CordonRequest{node.name(), schedulable});
}

// A node is empty when its agent has been seen to have nothing left, and not when it was asked to.
void FleetDrills::check_drain() {
  if (cluster_.controller.is_up() && is_said_to_be_empty(cluster_.controller.world(), first().name()))
    for (const auto& [id, vm] : first().vms())
      cluster_.expect(!vm.running, "drain: " + first().name() + " is said to be empty and runs " + to_string(id));
  if (cluster_.faulty()) cluster_.timeline.after(seconds(1), [this] { check_drain(); });
}

void FleetDrills::check_blocked() {
  const Condition said = drained(cluster_.controller.world(), first().name());
  cluster_.expect(said.status == "False" && said.reason == "Blocked" && !said.message.empty(),
                  "drain: " + first().name() + " has nowhere to empty itself to, and is said to be " + said.reason +
                      ": " + said.message);
}

// What had nowhere to go has been stopped all the same, and that has been seen.
void FleetDrills::check_forced() {
  for (const auto& [id, process] : before_) {
    const auto vm = first().vms().find(id);
    cluster_.expect(vm == first().vms().end() || !vm->second.running,
                    "drain: " + to_string(id) + " has outlived the deadline on " + first().name());
  }
  cluster_.expect(is_said_to_be_empty(cluster_.controller.world(), first().name()),
                  "drain: it does not end with its deadline");
}

// Shortly before the deadline.
void FleetDrills::check_undisturbed() {
  for (const auto& [id, vm] : first().vms())
    cluster_.expect(!vm.running || id.app != Symbol("crashing"), "drain: it waits for what crashes");
  for (const auto& [id, process] : before_) {
    const auto vm = first().vms().find(id);
    cluster_.expect(vm != first().vms().end() && vm->second.running && vm->second.process == process,
                    "drain: " + to_string(id) + " was stopped and has nowhere to go");
  }
}

// ---- Fault 19 ----

void FleetDrills::roll_out_badly() {
  const std::uint64_t kind = cluster_.options.seed % kBadKinds;
  redeclare(kind == 1 ? "" : "BROKEN", kind == 1 ? "bad" : "img");
  if (kind == 2)
    for (const auto& node : cluster_.nodes) node->rot();
  die_in_between();
  if (kind != 2) check_served();
  cluster_.timeline.after(kGivenUp, [this, kind] {
    kind == 2 ? check_given_up() : check_rolled_back();
    placed_ = cluster_.outcome.placed;
  });
  cluster_.timeline.after(kGivenUp + minutes(1), [this, kind] {
    kind == 2 ? check_given_up() : check_rolled_back();
    cluster_.expect(placed_ == cluster_.outcome.placed, "rollout: it goes on after it was given up");
    redeclare("", "img");
  });
}

void FleetDrills::redeclare(const std::string& env, const std::string& image) {
  controller::ApplyRequest apply;
  for (const auto& [name, row] : cluster_.controller.durable().apps) {
    App app = *row.app;
    app.metadata.uid = app.metadata.generation = 0;
    app.spec.boot.env = {{"AGAIN", std::to_string(cluster_.timeline.now().boot.time_since_epoch().count())}};
    if (!env.empty()) app.spec.boot.env[env] = "1";
    app.spec.boot.image = image + "@sha256:" + std::string(64, 'a');
    apply.resources.push_back(std::move(app));
  }
  clients_.ask_as("user", std::move(apply));
}

// By the nodes themselves, second by second: what comes cannot run, and what was there goes on, all of it, or of strict
// singletons all but one.
void FleetDrills::check_served() {
  std::map<AppName, std::set<std::uint32_t>> served;
  for (const auto& node : cluster_.nodes)
    for (const auto& [id, vm] : node->vms())
      if (vm.running && vm.started && !vm.broken) served[id.app_name()].insert(id.slot);
  for (const auto& [name, row] : cluster_.controller.durable().apps) {
    const std::size_t least = row.app->spec.replicas - (row.app->spec.boot.singleton == Singleton::kStrict ? 1 : 0);
    cluster_.expect(served[name].size() >= least, "rollout: of app " + to_string(name) + " only " +
                                                      std::to_string(served[name].size()) + " serve while it fails");
  }
  const bool goes_on = cluster_.timeline.now().boot < *cluster_.drill_began + kGivenUp;
  if (goes_on) cluster_.timeline.after(seconds(1), [this] { check_served(); });
}

void FleetDrills::die_in_between() {
  Random& random = cluster_.random;
  const Duration when = random.between(seconds(1), seconds(40));
  if (random.chance(0.7)) {
    cluster_.timeline.after(when, [this] { cluster_.controller.crash(); });
    cluster_.timeline.after(when + random.between(seconds(1), seconds(10)), [this] { cluster_.controller.start(); });
  }
  if (!random.chance(0.5)) return;
  SimulatedNode& node = *cluster_.nodes[random.below(cluster_.nodes.size())];
  cluster_.timeline.after(when / 2, [&node] { node.crash(); });
  cluster_.timeline.after(when / 2 + seconds(5), [&node] { node.start(); });
}

// Everything of before serves, by one rollback, and what was declared is told to have failed.
void FleetDrills::check_rolled_back() {
  for (const auto& [name, row] : cluster_.controller.durable().apps) {
    cluster_.expect(row.state.phase == controller::RolloutPhase::kDone && !row.state.reason.empty(),
                    "rollout: app " + to_string(name) + " has not gone back to what served, but is " +
                        std::string(to_string(row.state.phase)) + ": " + row.state.message);
    std::uint32_t ready = 0;
    controller::for_each_instance(cluster_.controller.durable(), name,
                                  [&](const InstanceId&, const controller::InstanceRow& one) {
                                    ready += one.goal == controller::InstanceGoal::kRun && is_ready(*one.status);
                                  });
    cluster_.expect(ready == row.app->spec.replicas, "rollout: of app " + to_string(name) + " only " +
                                                         std::to_string(ready) + " serve after the rollback");
  }
}

void FleetDrills::check_given_up() {
  for (const auto& [name, row] : cluster_.controller.durable().apps) {
    const controller::RolloutPhase phase = row.state.phase;
    cluster_.expect(phase == controller::RolloutPhase::kPaused || phase == controller::RolloutPhase::kFailed,
                    "rollout: app " + to_string(name) + " is not given up after a rollback that failed, but " +
                        std::string(to_string(phase)) + ": " + row.state.message);
  }
}

void FleetDrills::change_all_twice() {
  redeclare("", "img");
  cluster_.timeline.after(seconds(50), [this] {
    check_all_changed();
    redeclare("", "img");
  });
  cluster_.timeline.after(seconds(100), [this] { check_all_changed(); });
}

// By then a rollout of three has long come to its end.
void FleetDrills::check_all_changed() {
  for (const auto& [name, row] : cluster_.controller.durable().apps)
    cluster_.expect(row.state.phase == controller::RolloutPhase::kDone && row.state.live == row.rollout,
                    "rollout: the change of app " + to_string(name) + " is held up");
}

// ---- Fault 11 ----

void FleetDrills::suspend_first() {
  for (const auto& [id, vm] : first().vms())
    if (vm.running) before_[id] = vm.process;
  first().suspend(minutes(10));
  cluster_.timeline.after(minutes(10) + std::chrono::microseconds(1), [this] { check_awake(); });
  cluster_.timeline.after(minutes(11), [this] { check_nothing_unwanted(); });
}

// Before its agent has had a turn, the guards have ended what has no lease any more.
void FleetDrills::check_awake() {
  for (const auto& [id, process] : before_) {
    const auto vm = first().vms().find(id);
    const bool goes_on = vm != first().vms().end() && vm->second.running && vm->second.process == process;
    cluster_.expect(!goes_on || !vm->second.strict,
                    "the strict " + to_string(id) + " goes on when its host wakes, long after its lease");
    cluster_.expect(goes_on || vm == first().vms().end() || vm->second.strict,
                    to_string(id) + " ended while its host slept");
  }
}

void FleetDrills::check_nothing_unwanted() {
  for (const auto& [id, vm] : first().vms()) {
    const controller::InstanceRow* const row = cluster_.controller.durable().instances.find(id);
    const bool wanted =
        row != nullptr && row->node == Symbol(first().name()) && row->goal == controller::InstanceGoal::kRun;
    cluster_.expect(!vm.running || wanted, to_string(id) + " was replaced while its host slept, and goes on");
  }
}

// ---- Nothing but what has moved is planned again ----

void FleetDrills::make_room_late() {
  for (const auto& node : cluster_.nodes) cordon(*node, false);
  cluster_.timeline.after(seconds(10), [this] {
    controller::ApplyRequest apply;
    App app = app_of("late");
    app.spec.replicas = 3;
    apply.resources.push_back(std::move(app));
    clients_.ask_as("user", std::move(apply));
  });
  // Whatever runs out by itself has run out long before there is room.
  cluster_.timeline.after(seconds(20), [this] { cluster_.controller.crash(); });
  cluster_.timeline.after(seconds(21), [this] { cluster_.controller.start(); });
  cluster_.timeline.after(minutes(8), [this] {
    for (const auto& node : cluster_.nodes) cordon(*node, true);
  });
}

// ---- Fault 5 ----

void FleetDrills::update_unheard() {
  cluster_.cut_until.front() = cluster_.timeline.now().boot + minutes(3);
  cluster_.timeline.after(seconds(30), [this] { redeclare("", "img"); });
}

}  // namespace unik::sim
