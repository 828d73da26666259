// A controller that has just started, and 5,000 agents that all come at the same moment: fault 9.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "controller/loop.hpp"

namespace unik::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kAgents = 5000;

NodeRow node_row(std::uint32_t index) {
  Node node;
  node.metadata.name = "n" + std::to_string(index);
  node.metadata.uid = index + 1;
  node.metadata.generation = 1;
  NodeInfo info;
  info.capacity = {MilliCpu{4000}, mebibytes(4096)};
  NodeRow row;
  row.node = std::move(node);
  row.info = std::move(info);
  row.agent_start = 1;
  row.health = NodeHealth::kReady;
  row.goals_revision = 1;
  return row;
}

World world_of_nodes() {
  World world;
  world.revision = 1;
  world.cluster = {"cluster", {0, 1}};
  for (std::uint32_t i = 0; i < kAgents; ++i) {
    NodeRow row = node_row(i);
    const Symbol name(row.node->metadata.name);
    world.nodes.set(name, std::move(row));
  }
  derive(world);
  return world;
}

// The agents' side of heartbeats, as agent/core/controller_talk.cpp has it: one parked, the next when it is due.
class Agents {
 public:
  Agents() : agents_(kAgents) {
    for (std::uint32_t i = 0; i < kAgents; ++i) due_.insert({Time(seconds(100)), i});
  }

  void run(Loop& loop, Time until) {
    for (Time now(seconds(100)); now < until; now += milliseconds(100)) {
      const std::vector<Event> events = heartbeats(now);
      sent_.push_back(events.size());
      for (const Effect& effect : loop.turn({now, {}}, events).list) take(effect, now);
    }
  }

  // In the windows of a tenth of a second that came after `from`.
  std::size_t most_in_a_window(std::size_t from) const {
    return *std::max_element(sent_.begin() + static_cast<std::ptrdiff_t>(from), sent_.end());
  }

 private:
  struct Agent {
    std::uint64_t seq = 0;
    Time sent;
    Time due;
    Duration next_in = seconds(10);
  };

  std::vector<Event> heartbeats(Time now) {
    std::vector<Event> events;
    while (!due_.empty() && due_.begin()->first <= now) {
      const std::uint32_t index = due_.begin()->second;
      due_.erase(due_.begin());
      Agent& agent = agents_[index];
      HeartbeatArrived event;
      event.id = ++last_id_;
      event.report.node = "n" + std::to_string(index);
      event.report.agent_start = 1;
      event.report.seq = ++agent.seq;
      event.report.accepted_stamp = {"cluster", {0, 1}, 1};
      if (agent.seq == 1) event.report.body.emplace();
      asked_[event.id] = index;
      agent.sent = now;
      plan(index, now + agent.next_in);
      events.emplace_back(std::move(event));
    }
    return events;
  }

  void take(const Effect& effect, Time now) {
    const auto* const reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) return;
    const auto* const answer = std::get_if<HeartbeatReply>(&reply->answer);
    ASSERT_NE(answer, nullptr);
    const std::uint32_t index = asked_.extract(reply->id).mapped();
    agents_[index].next_in = answer->next_in;
    plan(index, std::max(agents_[index].sent + answer->next_in, now));
  }

  void plan(std::uint32_t index, Time at) {
    due_.erase({agents_[index].due, index});
    agents_[index].due = at;
    due_.insert({at, index});
  }

  std::vector<Agent> agents_;
  std::set<std::pair<Time, std::uint32_t>> due_;
  std::map<RequestId, std::uint32_t> asked_;
  RequestId last_id_ = 0;
  std::vector<std::size_t> sent_;
};

TEST(Reconnect, AStormIsSpreadOverTheInterval) {
  Loop loop(world_of_nodes(), {});
  Agents agents;
  agents.run(loop, Time(seconds(160)));
  EXPECT_EQ(loop.world().observed.size(), kAgents);
  EXPECT_EQ(loop.world().nodes_by_health[static_cast<std::size_t>(NodeHealth::kReady)], kAgents);
  EXPECT_EQ(agents.most_in_a_window(0), kAgents) << "that was no storm";
  // Evenly spread there are about 53 in a tenth of a second, since jitter shortens the interval a little.
  EXPECT_LT(agents.most_in_a_window(10), 4 * kAgents / 100);
}

}  // namespace
}  // namespace unik::controller
