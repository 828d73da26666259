#include "tests/sim/restored_backup.hpp"

#include "api/lease.hpp"
#include "controller/core/recovery.hpp"

namespace unik::sim {
namespace {

using std::chrono::seconds;

// By then no lease of the lost history is left, and what waited for that goes on.
constexpr Duration kDecided = kStrictLease + kStrictMargin + seconds(15);
constexpr Duration kDecideAgain = seconds(5);

}  // namespace

void RestoredBackup::plan_copy() {
  const Duration when = cluster_.random.between(seconds(5), cluster_.options.faulty - seconds(5));
  cluster_.timeline.after(when, [this] { cluster_.controller.journal().copy(); });
}

void RestoredBackup::restore() {
  SimulatedController& controller = cluster_.controller;
  if (controller.is_up()) controller.crash();
  controller.journal().restore();
  records_.begin_again();
  find_unknown();
  const bool newer = nodes_.has_accepted_beyond(controller.durable().revision);
  controller.start();
  cluster_.timeline.after(seconds(25), [this, newer] {
    cluster_.expect(!newer || cluster_.controller.world().history_lost,
                    "the controller has not noticed that its history is lost");
    check_left_alone();
    clients_.ask_as("operator", controller::RecoverRequest{});
  });
  cluster_.timeline.after(kDecided, [this] {
    check_left_alone();
    cluster_.expect(!cluster_.controller.durable().cluster.history_lost, "the controller has not recovered");
    cluster_.outcome.quarantined += controller::view_quarantine(cluster_.controller.world()).size();
    check_leases_over();
    decide();
  });
  cluster_.timeline.after(kDecided + seconds(20), [this] { clients_.end_steering(); });
}

void RestoredBackup::find_unknown() {
  const controller::World& world = cluster_.controller.durable();
  for (std::size_t i = 0; i < cluster_.nodes.size(); ++i) {
    const Symbol node(cluster_.nodes[i]->name());
    for (const auto& [id, vm] : cluster_.nodes[i]->vms()) {
      const controller::InstanceRow* const row = world.instances.find(id);
      const bool known = (row != nullptr && row->node == node) || world.strays.contains({node, id});
      if (vm.running && vm.strict && !known) leased_[{i, id}] = vm.process;
      // One of a broken app ends by itself soon after its start, a job a little later, a strict singleton with its
      // lease; what the lost history stopped may take its time.
      const bool lasts = vm.running && vm.started && !vm.job && !vm.strict && !vm.asked_to_end &&
                         cluster_.timeline.now().wall - vm.started_at > seconds(2);
      if (lasts && !known) unknown_[{i, id}] = vm.process;
    }
  }
}

void RestoredBackup::check_left_alone() {
  for (const auto& [where, process] : unknown_) {
    const SimulatedNode& node = *cluster_.nodes[where.first];
    const auto vm = node.vms().find(where.second);
    cluster_.expect(vm != node.vms().end() && vm->second.running && vm->second.process == process,
                    to_string(where.second) + " of the lost history was stopped on " + node.name());
  }
}

// Whoever has it may not know what else runs in its slot.
void RestoredBackup::check_leases_over() {
  for (const auto& [where, process] : leased_) {
    const SimulatedNode& node = *cluster_.nodes[where.first];
    const auto vm = node.vms().find(where.second);
    cluster_.expect(
        vm == node.vms().end() || !vm->second.running || vm->second.process != process,
        "the strict " + to_string(where.second) + " of the lost history goes on without a lease on " + node.name());
  }
}

// Adopts what can be adopted and destroys the rest. One that is adopted may take the room of another, or its share of
// the quota: what was refused is looked at again.
void RestoredBackup::decide() {
  bool again = false;
  for (const QuarantinedView& one : controller::view_quarantine(cluster_.controller.world())) {
    const bool adopt = one.obstacle.empty();
    if (adopt) ++cluster_.outcome.adopted;
    const auto verb = adopt ? controller::QuarantineVerb::kAdopt : controller::QuarantineVerb::kDestroy;
    clients_.ask_as("operator", controller::QuarantineRequest{Symbol(one.node), one.id, verb});
    again = true;
  }
  if (again) cluster_.timeline.after(kDecideAgain, [this] { decide(); });
}

}  // namespace unik::sim
