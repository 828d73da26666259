// Fault 1 for the agent: killed after every single effect, it ends in the state that it ends in without that.
#include <gtest/gtest.h>

#include "tests/agent/goals_builder.hpp"
#include "tests/agent/simulated_host.hpp"

namespace unik::agent {
namespace {

using namespace std::chrono_literals;

// What must be the same in the end. Times differ, and so may the number of restarts' waits.
struct FinalState {
  Goals goals;
  std::map<InstanceId, InstanceRecord> instances;
  std::set<InstanceId> running;
  std::vector<Route> table;
  std::vector<std::pair<InstanceId, std::string>> reported;
  Stamp accepted;

  bool operator==(const FinalState&) const = default;
};

// What ended tells how for as long as it is there; why something waits is told anew.
std::string how_it_ended(const InstanceStatus& status) {
  return status.phase == Phase::kExited || status.phase == Phase::kFailed ? status.message : std::string();
}

FinalState final_state(const SimulatedHost& host) {
  FinalState state;
  state.goals = host.record.goals;
  state.instances = host.record.instances;
  // How fast a run came up is told as far as it was seen.
  for (auto& [id, record] : state.instances) record.boot = {}, record.boot_run = 0;
  for (const auto& [id, vm] : host.vms)
    if (host.is_running(id)) state.running.insert(id);
  state.table = host.table;
  for (const ObservedInstance& seen : host.reported().instances)
    state.reported.emplace_back(seen.id, std::string(to_string(seen.status.phase)) + ' ' + seen.status.reason + ' ' +
                                             std::string(to_string(seen.status.health)) + ' ' +
                                             std::to_string(seen.status.restarts) + ' ' + how_it_ended(seen.status));
  state.accepted = host.last_report().accepted_stamp;
  return state;
}

// Starts the agent again a little after each crash, as systemd would.
void run_through_crashes(SimulatedHost& host, Duration duration) {
  for (const Time until = host.now() + duration; host.now() < until;) {
    host.run_for(100ms);
    if (!host.is_up()) host.start();
  }
}

// A rolling update with a health check and a published port, a job that ends, an app that goes, and one that crashes.
void play(SimulatedHost& host) {
  const InstanceId old_web = instance_id("web", 0, 1);
  const InstanceId new_web = instance_id("web", 0, 2);
  const InstanceId db = instance_id("db");
  const InstanceId job = instance_id("job");
  EnsureRunning run_job = running(job);
  run_job.run.restart.policy = RestartPolicy::kNever;

  host.start();
  host.want({EnsureImage{"other@sha256:11"}, running(db), run_job, published(checked(old_web), std::nullopt)});
  run_through_crashes(host, 3s);
  host.end_vm(job, {ExitKind::kExited, 4});
  run_through_crashes(host, 1s);
  host.want(
      {running(db), run_job, published(checked(old_web), std::nullopt), published(checked(new_web), std::nullopt)});
  run_through_crashes(host, 3s);
  host.want({run_job, absent(db), absent(old_web), published(checked(new_web), std::nullopt)});
  run_through_crashes(host, 3s);
  host.end_vm(new_web, {ExitKind::kCrashed, 0});
  run_through_crashes(host, 30s);
  host.want({run_job, published(checked(new_web), std::nullopt)});
  run_through_crashes(host, 2min);
}

FinalState play_with_crashes(std::uint64_t first, std::uint64_t then_after, std::string& broken_text) {
  SimulatedHost host;
  host.crash_after_effects(first);
  if (then_after > 0) host.crash_again_after_effects(then_after);
  play(host);
  broken_text = broken(host);
  return final_state(host);
}

TEST(LoopCrashTest, EndsTheSameWhateverEffectItDiesAfter) {
  SimulatedHost undisturbed;
  play(undisturbed);
  ASSERT_EQ(broken(undisturbed), "");
  const FinalState expected = final_state(undisturbed);
  ASSERT_EQ(expected.running, std::set<InstanceId>{instance_id("web", 0, 2)});
  ASSERT_EQ(expected.reported.size(), 2U);
  ASSERT_NE(expected.reported.front().second.find("the app exited with code 4"), std::string::npos)
      << expected.reported.front().second;
  ASSERT_GT(undisturbed.effects(), 50U);

  for (std::uint64_t n = 1; n <= undisturbed.effects(); ++n) {
    for (const std::uint64_t again : {0, 1, 2, 5}) {  // and again, shortly after the restart
      std::string broken_text;
      const FinalState state = play_with_crashes(n, again, broken_text);
      EXPECT_EQ(broken_text, "") << "killed after effect " << n << ", then " << again;
      EXPECT_TRUE(state == expected) << "killed after effect " << n << ", then " << again;
    }
  }
}

TEST(LoopCrashTest, TheSameHistoryGivesTheSameEffects) {
  SimulatedHost first;
  play(first);
  SimulatedHost second;
  play(second);
  EXPECT_EQ(first.trace, second.trace);
  EXPECT_EQ(first.notes, second.notes);
  EXPECT_EQ(first.reported(), second.reported());
}

}  // namespace
}  // namespace unik::agent
