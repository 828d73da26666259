#include "tests/sim/namesake.hpp"

#include "agent/core/lease.hpp"
#include "api/lease.hpp"
#include "controller/core/node_watch.hpp"

namespace unik::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// The controller counts silence from the last heartbeat, of which one comes at least so often.
constexpr Duration kHeartbeat = seconds(10);
constexpr Duration kStillTaken = controller::kSilenceLimit - kHeartbeat - seconds(1);
// A cut of this length, and what the agent then waits before it tries again, frees no name.
constexpr Duration kNoticed = seconds(15);
// Who asks for the name does so every few seconds.
constexpr Duration kFree = kStrictLease + kStrictMargin + seconds(15);
constexpr Duration kUsualCommit = std::chrono::milliseconds(8);
constexpr Duration kRestart = seconds(20);  // after the cut, of a controller that then has heard nobody

}  // namespace

void Namesake::come_up() {
  for (const auto& [id, vm] : first().vms())
    if (vm.running) before_[id] = vm.process;
  cluster_.timeline.after(cluster_.random.between({}, seconds(20)), [this] { second().start(); });
  const Duration cut = cluster_.random.between(seconds(30), seconds(60));
  switch (cluster_.random.below(4)) {
    case 0:
      break;
    case 1:
      cluster_.timeline.after(cut, [this] { miss_first(cluster_.random.between(seconds(1), kNoticed)); });
      break;
    case 2:
      return cluster_.timeline.after(
          cut, [this] { pass_over(cluster_.random.between(kRestart + kFree + seconds(1), minutes(4))); });
    case 3:
      const bool narrow = cluster_.random.chance(0.8);
      const Duration length = narrow ? cluster_.random.between(seconds(35), seconds(90))
                                     : cluster_.random.between(kNoticed, kRestart + kFree);
      return cluster_.timeline.after(cut, [this, length] { come_back_midway(length); });
  }
  cluster_.timeline.after(minutes(5), [this] { check_in_vain(); });
}

// Its strict singletons may stop by themselves meanwhile, and go on there after.
void Namesake::miss_first(Duration length) {
  check_in_vain();
  silence_first(length);
  std::erase_if(before_, [this](const auto& one) { return first().vms().at(one.first).strict; });
}

// Of an agent that is dead the VMs go on, and only its guards know when a lease has run out.
void Namesake::silence_first(Duration length) {
  if (cluster_.random.chance(0.5)) {
    cluster_.cut_until.front() = cluster_.timeline.now().boot + length;
    return;
  }
  first().crash();
  cluster_.timeline.after(length, [this] { first().start(); });
}

// The second one takes the name when what the first may still run can be no strict singleton; when the first is heard
// again it has no name, until somebody sees to it.
void Namesake::pass_over(Duration length) {
  check_in_vain();
  silence_first(length);
  const bool restarts = cluster_.random.chance(0.5);
  if (restarts) cluster_.timeline.after(kRestart, [this] { restart_controller(); });
  cluster_.timeline.after(kStillTaken, [this] { check_name_is_of(first()); });
  cluster_.timeline.after(restarts ? kRestart + kFree : kFree, [this] {
    check_name_is_of(second());
    ++cluster_.outcome.names_passed;
  });
  cluster_.timeline.after(length + minutes(1), [this] { end_first(); });
}

// Who has the name then is for the moment to decide; of a strict singleton there is one whoever has it.
void Namesake::come_back_midway(Duration length) {
  check_in_vain();
  silence_first(length);
  ++cluster_.outcome.names_in_doubt;
  SimulatedJournal& journal = cluster_.controller.journal();
  if (cluster_.random.chance(0.7)) journal.set_longest_commit(cluster_.random.between(seconds(1), seconds(15)));
  cluster_.timeline.after(length + seconds(15), [&journal] { journal.set_longest_commit(kUsualCommit); });
  cluster_.timeline.after(length + minutes(1), [this] {
    if (cluster_.has_its_name(first())) return;
    ++cluster_.outcome.names_passed;
    end_first();
  });
}

void Namesake::restart_controller() {
  cluster_.controller.crash();
  cluster_.controller.start();
}

// Somebody switches the host off, or nobody looks after it.
void Namesake::end_first() {
  check_name_is_of(second());
  for (const auto& [id, vm] : first().vms())
    cluster_.expect(!vm.running || !vm.strict, "the strict " + to_string(id) + " has outlived its lease on " +
                                                   first().name() + ", whose name has passed over");
  if (cluster_.random.chance(0.5)) return first().switch_off();
  cluster_.timeline.after(agent::kNameLost + seconds(30), [this] { check_first_gave_up(); });
}

void Namesake::check_first_gave_up() {
  check_name_is_of(second());
  for (const auto& [id, vm] : first().vms())
    cluster_.expect(!vm.running, to_string(id) + " still runs on " + first().name() + ", which has lost its name");
}

void Namesake::check_in_vain() {
  check_first_undisturbed();
  check_name_is_of(first());
  cluster_.expect(second().boots() == 0, "an agent that was refused the name " + second().name() + " runs something");
}

void Namesake::check_first_undisturbed() {
  for (const auto& [id, process] : before_) {
    const auto vm = first().vms().find(id);
    cluster_.expect(vm != first().vms().end() && vm->second.running && vm->second.process == process,
                    to_string(id) + " was stopped on " + first().name() + ", for a namesake that came");
  }
}

void Namesake::check_name_is_of(const SimulatedNode& node) {
  cluster_.expect(cluster_.has_its_name(node),
                  "the name " + node.name() + " is not agent " + node.agent_id() + "'s, whose it should be");
}

}  // namespace unik::sim
