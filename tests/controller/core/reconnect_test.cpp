// A controller that has just started, and 5,000 agents that all come at the same moment: fault 9.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/lease.hpp"
#include "controller/core/diff.hpp"
#include "controller/heartbeats.hpp"
#include "controller/loop.hpp"
#include "tests/controller/core/simulated_fleet.hpp"

namespace unik::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kAgents = 5000;

constexpr std::uint32_t kApps = 10;  // of which every other one is a strict singleton in each of its slots
constexpr std::uint32_t kReplicas = 500;
const Time kStart = Time(seconds(100));

// Each agent's last renewal was of 10 s before the controller went, that was away for 25 s, and the agent's last try
// was 5 s before it came. A strict instance is asked to stop while there is still time for its farewell, as
// agent/core/lease.cpp has it.
constexpr Duration kLastRenewal = seconds(40);
constexpr Duration kParkAgain = milliseconds(500);
constexpr Duration kRunsWithout = kStrictLease - seconds(10) - seconds(2);

std::string name_of(std::uint32_t index) {
  return "n" + std::to_string(index + 1);
}

// A fleet at rest, as the store has it: what was observed and timed is lost with the controller before.
World stored_world() {
  SimulatedFleet fleet(kAgents);
  std::vector<Resource> apps;
  for (std::uint32_t i = 0; i < kApps; ++i) {
    App app = SimulatedFleet::app("app" + std::to_string(i), kReplicas);
    app.spec.disconnect.lost_after = std::chrono::minutes(1);
    if (i % 2 == 1) app.spec.boot.singleton = Singleton::kStrict;
    apps.emplace_back(std::move(app));
  }
  EXPECT_TRUE(fleet.apply(std::move(apps)).ok());
  fleet.settle();
  World world = fleet.world();
  world.observed = {};
  world.clocks = {};
  return world;
}

// The agents' side of heartbeats, as agent/core/controller_talk.cpp has it: one parked, the next when it is due.
class Agents {
 public:
  explicit Agents(const World& world) : agents_(kAgents) {
    for (std::uint32_t i = 0; i < kAgents; ++i) {
      const Symbol node(name_of(i));
      for_each_on_node(world, node, [&](const InstanceId& id, const InstanceRow& row) {
        agents_[i].body.instances.push_back({id, *row.status});
        agents_[i].strict |= is_strict(world, id);
      });
      agents_[i].accepted = {world.cluster.cluster_id, world.cluster.epoch, world.nodes.find(node)->goals_revision};
      due_.insert({kStart, i});
    }
  }

  // It does not come back.
  void silence(std::uint32_t index) { due_.erase({kStart, index}); }

  void run(Loop& loop, Time until) {
    for (; now_ < until; now_ += milliseconds(100)) {
      std::vector<Event> events = heartbeats();
      sent_.push_back(events.size());
      if (commit_) events.emplace_back(Committed{*std::exchange(commit_, std::nullopt)});
      for (const Effect& effect : loop.turn({now_, {}}, events).list) take(effect);
      for (const Agent& agent : agents_) leases_lost_ += agent.strict && now_ >= agent.renewed + kRunsWithout;
    }
  }

  // In the windows of a tenth of a second that came after `from`.
  std::size_t most_in_a_window(std::size_t from) const {
    return *std::max_element(sent_.begin() + static_cast<std::ptrdiff_t>(from), sent_.end());
  }
  std::size_t strict() const {
    return static_cast<std::size_t>(
        std::count_if(agents_.begin(), agents_.end(), [](const Agent& agent) { return agent.strict; }));
  }
  std::size_t leases_lost() const { return leases_lost_; }
  std::size_t moved() const { return moved_; }

 private:
  struct Agent {
    std::uint64_t seq = 0;
    Time sent;
    Time due = kStart;
    Duration next_in = seconds(10);
    ReportBody body;
    Stamp accepted;
    bool strict = false;
    Time renewed = kStart - kLastRenewal;
  };
  struct Asked {
    std::uint32_t agent = 0;
    std::uint64_t seq = 0;
    Time sent;
  };

  std::vector<Event> heartbeats() {
    std::vector<Event> events;
    while (!due_.empty() && due_.begin()->first <= now_) {
      const std::uint32_t index = due_.begin()->second;
      due_.erase(due_.begin());
      Agent& agent = agents_[index];
      HeartbeatArrived event;
      event.id = ++last_id_;
      event.report.node = name_of(index);
      event.report.agent_start = 1;
      event.report.seq = ++agent.seq;
      event.report.accepted_stamp = agent.accepted;
      if (agent.seq == 1) event.report.body = agent.body;
      asked_[event.id] = {index, agent.seq, now_};
      agent.sent = now_;
      plan(index, now_ + agent.next_in);
      events.emplace_back(std::move(event));
    }
    return events;
  }

  void take(const Effect& effect) {
    if (const auto* const begin = std::get_if<BeginCommit>(&effect)) return take(*begin->record);
    const auto* const reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) return;
    const std::optional<HeartbeatReply> answer = heartbeat_reply(reply->answer);
    ASSERT_TRUE(answer);
    const Asked asked = asked_.extract(reply->id).mapped();
    Agent& agent = agents_[asked.agent];
    if (answer->renew > 0)
      agent.renewed = std::max(agent.renewed, answer->renew == agent.seq ? agent.sent : asked.sent);
    agent.next_in = answer->next_in;
    const bool is_one_parked = asked.seq < agent.seq;
    const Duration wait = is_one_parked && !answer->goals ? answer->next_in : kParkAgain;
    plan(asked.agent, std::max(agent.sent + wait, now_));
  }

  void take(const Record& record) {
    commit_ = record.seq;
    for (const Change& change : record.changes)
      moved_ += std::holds_alternative<PutInstance>(change) || std::holds_alternative<RemoveInstance>(change) ||
                std::holds_alternative<PutNode>(change);
  }

  void plan(std::uint32_t index, Time at) {
    due_.erase({agents_[index].due, index});
    agents_[index].due = at;
    due_.insert({at, index});
  }

  Time now_ = kStart;
  std::vector<Agent> agents_;
  std::set<std::pair<Time, std::uint32_t>> due_;
  std::map<RequestId, Asked> asked_;
  RequestId last_id_ = 0;
  std::vector<std::size_t> sent_;
  std::optional<std::uint64_t> commit_;
  std::size_t leases_lost_ = 0;  // in each tenth of a second anew
  std::size_t moved_ = 0;
};

TEST(Reconnect, AStormIsSpreadAndLosesNoLease) {
  const World stored = stored_world();
  Loop loop(stored, {});
  Agents agents(stored);
  EXPECT_GT(agents.strict(), kAgents / 4);
  agents.run(loop, kStart + seconds(100));
  EXPECT_EQ(loop.world().observed.size(), kAgents);
  EXPECT_EQ(loop.world().nodes_by_health[static_cast<std::size_t>(NodeHealth::kReady)], kAgents);
  EXPECT_EQ(agents.most_in_a_window(0), kAgents) << "that was no storm";
  // Evenly spread there are about 53 in a tenth of a second, since jitter shortens the interval a little.
  EXPECT_LT(agents.most_in_a_window(10), 4 * kAgents / 100);
  EXPECT_EQ(agents.leases_lost(), 0U);
  EXPECT_EQ(agents.moved(), 0U);
}

// Leases are armed again: of one that does not come back nobody knows when it was heard last, so that its lease counts
// from the controller's start.
TEST(Reconnect, WhoDoesNotComeBackKeepsItsLeaseFromTheStart) {
  const World stored = stored_world();
  std::optional<InstanceId> strict;
  for (const auto& [id, row] : stored.instances)
    if (is_strict(stored, id)) strict = id;
  ASSERT_TRUE(strict);
  const std::string node = stored.instances.find(*strict)->node.str();
  Loop loop(stored, {});
  Agents agents(stored);
  agents.silence(static_cast<std::uint32_t>(std::stoul(node.substr(1))) - 1);
  const auto placed = [&] {
    std::size_t count = 0;
    for_each_instance(loop.world(), strict->app_name(), [&](const InstanceId& id, const InstanceRow& row) {
      count += id.slot == strict->slot && !row.node.empty() && row.node.str() != node;
    });
    return count;
  };
  agents.run(loop, kStart + kStrictLease + kStrictMargin);
  EXPECT_EQ(placed(), 0U);
  agents.run(loop, kStart + kStrictLease + kStrictMargin + seconds(5));
  EXPECT_EQ(placed(), 1U);
  EXPECT_GT(agents.moved(), 0U);
}

}  // namespace
}  // namespace unik::controller
