// Thousands of random events on one node. The simulated host checks at every effect that no id has two VMs, that
// nothing is launched without a stored goal and record, and that no turn leaves anything undone; once the trouble ends,
// the node must become equal to its goals and stay so.
#include <gtest/gtest.h>

#include <random>

#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

class RandomNode {
 public:
  explicit RandomNode(std::uint64_t seed) : random_(seed) { host.start(); }

  void trouble(int steps) {
    for (int i = 0; i < steps; ++i) {
      do_something();
      host.run_for(std::chrono::milliseconds(pick(3000)));
      check_absent();
    }
  }

  void heal() {
    host.crash_no_more();
    host.heeds_ask = host.heeds_quit = host.heeds_kill = host.boots = true;
    host.record_fails = host.link_down = host.forwarder_dead = false;
    host.launch_error.reset();
    host.image_errors.clear();
    host.unhealthy.clear();
    host.unanswered.clear();
    host.exits_after.reset();
    host.taken_ports.clear();
    if (!host.is_up()) host.start();
    host.run_for(20min);
  }

  void expect_converged() const {
    EXPECT_EQ(host.last_report().accepted_stamp, host.wanted_stamp());
    std::set<InstanceId> reported;
    for (const ObservedInstance& seen : host.reported().instances) {
      reported.insert(seen.id);
      EXPECT_EQ(seen.status.phase, Phase::kRunning) << to_string(seen.id) << ' ' << seen.status.reason.str();
      EXPECT_NE(seen.status.health, Health::kUnhealthy);
    }
    std::set<InstanceId> alive;
    for (const auto& [id, vm] : host.vms)
      if (vm.running) alive.insert(id);
    EXPECT_EQ(reported, wanted_);
    EXPECT_EQ(alive, wanted_);
    EXPECT_EQ(host.loop().report_body(), host.reported());
    for (const InstanceId& id : wanted_) EXPECT_EQ(host.backends_of(id).size(), 1U) << to_string(id);
  }

  SimulatedHost host;

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  InstanceId any(const std::set<InstanceId>& ids) {
    auto it = ids.begin();
    std::advance(it, static_cast<long>(pick(ids.size())));
    return *it;
  }
  std::set<InstanceId> all_vms() const {
    std::set<InstanceId> ids;
    for (const auto& [id, vm] : host.vms) ids.insert(id);
    return ids;
  }

  void do_something() {
    switch (pick(24)) {
      case 0:
      case 1:
      case 2:
        ++next_slot_;
        if (wanted_.size() < 12) wanted_.insert(instance_id("app" + std::to_string(pick(4)), next_slot_));
        return tell_goals();
      case 3:
      case 4:
        if (!wanted_.empty()) {
          const InstanceId id = any(wanted_);
          wanted_.erase(id);
          absent_.insert(id);
        }
        return tell_goals();
      case 5:  // only what was seen absent is taken off the list
        for (auto it = absent_.begin(); it != absent_.end();) it = is_seen_absent(*it) ? absent_.erase(it) : ++it;
        return tell_goals();
      case 6:
      case 7:
        if (!host.vms.empty()) host.end_vm(any(all_vms()), {static_cast<ExitKind>(pick(5)), 1});
        return;
      case 8:
        host.crash();
        if (pick(2) == 0) host.run_for(std::chrono::milliseconds(pick(5000)));
        return host.start();
      case 9:
        host.crash_after_effects(1 + pick(20));
        return;
      case 10:
        host.link_down = !host.link_down;
        return;
      case 11:
        host.record_fails = pick(4) == 0;
        return;
      case 12:
        if (!wanted_.empty()) host.unhealthy.insert(any(wanted_));
        return;
      case 13:
        host.unhealthy.clear();
        return;
      case 14:
        host.forwarder_dead = pick(4) == 0;
        return;
      case 15:
        host.heeds_ask = pick(2) == 0;
        host.heeds_quit = pick(2) == 0;
        return;
      case 16:  // late or doubled goals
        if (!told_.empty()) {
          const Goals& old = told_[pick(told_.size())];
          host.want_stamped(old.stamp, old.actions);
        }
        return;
      case 17:
        host.exits_after = pick(3) == 0 ? std::optional<Duration>(pick(2) * 500ms) : std::nullopt;
        return;
      case 18:
        host.launch_error.reset();
        if (pick(4) == 0) host.launch_error = unavailable("busy", "the host is busy");
        return;
      case 19:
        host.image_errors.clear();
        if (pick(3) == 0) host.image_errors[kImage] = unavailable("registry_down", "no answer");
        return;
      case 20:
        if (!wanted_.empty()) host.unanswered.insert(any(wanted_));
        return;
      case 21:
        host.ask_register();
        return;
      case 22:
        return inject_nonsense();
      default:
        if (!host.is_up()) host.start();
        host.run_for(std::chrono::seconds(pick(60)));
    }
  }

  void tell_goals() {
    std::vector<Action> actions;
    for (const InstanceId& id : wanted_) actions.emplace_back(published(checked(id), std::nullopt));
    for (const InstanceId& id : absent_) actions.emplace_back(absent(id, 2s));
    host.want(actions);
    told_.push_back({host.wanted_stamp(), actions});
  }

  bool is_seen_absent(const InstanceId& id) const {
    return host.last_report().accepted_stamp == host.wanted_stamp() && !host.status(id);
  }

  // Answers to questions of another life, and about instances that nobody knows.
  void inject_nonsense() {
    if (!host.is_up()) return;
    const InstanceId id = wanted_.empty() ? instance_id("nobody") : any(wanted_);
    host.inject(VmEnded{id, static_cast<std::uint32_t>(pick(3)) + 1000, Exit{}, std::nullopt});
    host.inject(VmStarted{id, static_cast<std::uint32_t>(pick(3)) + 1000, {}, "kvm", {}, {}});
    host.inject(ProbeDone{id, 1'000'000 + pick(100), false, "late"});
    host.inject(RecordSaved{pick(5)});
    host.inject(Published{1'000'000, {}});
    host.inject(LinkFailed{pick(10), unavailable("reset", "reset")});
    host.inject(ImageFailed{{"unknown@sha256:00"}, invalid("x", "x")});
  }

  // What was seen absent stays absent: no id of the past has a VM again.
  void check_absent() const {
    for (const auto& [id, vm] : host.vms)
      if (vm.running && !wanted_.contains(id) && !absent_.contains(id))
        ADD_FAILURE() << to_string(id) << " has come back";
  }

  std::mt19937_64 random_;
  std::set<InstanceId> wanted_;
  std::set<InstanceId> absent_;
  std::vector<Goals> told_;
  std::uint32_t next_slot_ = 0;
};

class LoopRandomTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LoopRandomTest, HoldsItsPromisesAndConverges) {
  for (std::uint64_t seed = GetParam() * 1000; seed < GetParam() * 1000 + 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomNode node(seed);
    node.trouble(300);
    node.heal();
    node.expect_converged();
    ASSERT_EQ(broken(node.host), "");
    const std::uint64_t effects = node.host.saves + node.host.fetches;
    node.host.run_for(10min);
    EXPECT_EQ(node.host.saves + node.host.fetches, effects);  // and stays
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LoopRandomTest, testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace unik::agent
