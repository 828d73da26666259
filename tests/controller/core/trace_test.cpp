#include "controller/core/trace.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <span>

#include "controller/core/events.hpp"
#include "controller/core/goals.hpp"
#include "tests/controller/core/planned_world.hpp"

namespace unik::controller {
namespace {

// The real loop with a store that takes everything; the one node does as its goals say.
class TracedLoop {
 public:
  TracedLoop() : loop_(first_world(), LoopOptions{}) {
    RegisterRequest node;
    node.node = "n1";
    node.agent_id = "a1";
    node.agent_start = 1;
    node.info.capacity = {MilliCpu{4000}, mebibytes(4096)};
    turn(RegisterAsked{++requests_, "register", node});
  }

  void apply(const App& app, const std::string& trace_id) {
    ApplyRequest request;
    request.trace_id = trace_id;
    request.resources.emplace_back(app);
    Caller caller;
    caller.trace_id = trace_id;
    turn(MutationAsked{++requests_, caller, request});
  }
  void remove(const std::string& app, const std::string& trace_id) {
    Caller caller;
    caller.trace_id = trace_id;
    turn(MutationAsked{++requests_, caller, DeleteRequest{Kind::kApp, "default", {app}, trace_id}});
  }

  // Of everything that is wanted of the node, the phase.
  void report(Phase phase) {
    Report report;
    report.node = "n1";
    report.boot_id = "boot";
    report.agent_start = 1;
    report.seq = ++reports_;
    report.digest = reports_;
    report.body.emplace();
    const Goals goals = goals_of(loop_.world(), Symbol("n1"));
    if (reports_ > 1) report.accepted_stamp = goals.stamp;  // a new agent has stored nothing yet
    for (const Action& action : goals.actions)
      if (const auto* const run = std::get_if<EnsureRunning>(&action)) {
        ObservedInstance seen;
        seen.id = run->id;
        seen.status.phase = phase;
        report.body->instances.push_back(seen);
      }
    turn(HeartbeatArrived{++requests_, report});
  }

  std::vector<EventView> events() const {
    std::vector<EventView> all;
    for (const auto& record : records_)
      for (EventView& event : events_of(*record)) all.push_back(std::move(event));
    return all;
  }
  const std::vector<Reason>& reasons() const { return reasons_; }
  Goals goals() const { return goals_of(loop_.world(), Symbol("n1")); }

 private:
  static World first_world() {
    World world;
    controller::apply(world, first_record("cluster", {}));
    return world;
  }

  void turn(Event first) {
    std::deque<Event> inbox{std::move(first)};
    for (int i = 0; i < 10; ++i) {
      now_ += std::chrono::seconds(1);
      std::vector<Event> events(inbox.begin(), inbox.end());
      inbox.clear();
      const Effects effects = loop_.turn(Now{now_, WallTime(now_.time_since_epoch())}, events);
      for (const Effect& effect : effects.list) {
        if (const auto* const commit = std::get_if<BeginCommit>(&effect)) {
          records_.push_back(commit->record);
          inbox.emplace_back(Committed{commit->record->seq});
        }
        if (const auto* const published = std::get_if<PublishWorld>(&effect))
          reasons_.insert(reasons_.end(), published->reasons.begin(), published->reasons.end());
      }
    }
  }

  Loop loop_;
  Time now_{std::chrono::hours(1)};
  std::uint64_t requests_ = 0;
  std::uint64_t reports_ = 0;
  std::vector<std::shared_ptr<const Record>> records_;
  std::vector<Reason> reasons_;
};

TEST(Traces, FollowWhatARequestHasSetGoingToItsEnd) {
  TracedLoop loop;
  loop.report(Phase::kRunning);
  loop.apply(PlannedWorld::app("web"), "trace-web");
  loop.apply(PlannedWorld::app("api"), "trace-api");
  loop.report(Phase::kPending);  // of both in one record
  loop.report(Phase::kRunning);
  std::set<std::string> told;
  for (const EventView& event : loop.events()) {
    EXPECT_FALSE(event.trace_id.empty()) << event.object << " " << event.reason;
    if (event.object.find("/web") != std::string::npos) EXPECT_EQ(event.trace_id, "trace-web") << event.reason;
    if (event.object.find("/api") != std::string::npos) EXPECT_EQ(event.trace_id, "trace-api") << event.reason;
    told.insert(event.reason);
  }
  EXPECT_TRUE(told.contains("rollout_done") && told.contains("running") && told.contains("placed"));
  for (const Reason& reason : loop.reasons())
    if (reason.object.find("web") != std::string::npos) EXPECT_EQ(reason.trace_id, "trace-web") << reason.text;
}

TEST(Traces, AreThoseOfTheLastRequest) {
  TracedLoop loop;
  loop.report(Phase::kRunning);
  loop.apply(PlannedWorld::app("web"), "first");
  loop.report(Phase::kRunning);
  loop.apply(PlannedWorld::app("web", 2), "second");
  loop.report(Phase::kRunning);
  std::string last;
  for (const EventView& event : loop.events())
    if (event.object.starts_with("instance/web-1")) last = event.trace_id;
  EXPECT_EQ(last, "second");
  for (const auto& [id, trace] : loop.goals().traces) EXPECT_EQ(trace, "second") << to_string(id);
  EXPECT_EQ(loop.goals().traces.size(), 2U);
}

// It is gone in the record of the request itself: nothing of it has to be stopped.
TEST(Traces, OfTheRemovalOfAnAppWithoutInstancesAreThoseOfTheRequest) {
  TracedLoop loop;
  loop.report(Phase::kRunning);
  loop.apply(PlannedWorld::app("web", 0), "declared");
  loop.remove("web", "destroyed");
  std::map<std::string, std::string> told;
  for (const EventView& event : loop.events())
    if (event.object == "app/web") told[event.reason] = event.trace_id;
  EXPECT_EQ(told["created"], "declared");
  EXPECT_EQ(told["deleting"], "destroyed");
  EXPECT_EQ(told["removed"], "destroyed");
}

TEST(Traces, OfWhatNobodyAskedForAreTheirOwn) {
  World world;
  world.cluster.cluster_id = "cluster";
  Record a;
  a.seq = 7;
  Record b;
  b.seq = 8;
  note_traces(a, world, world);
  note_traces(b, world, world);
  EXPECT_EQ(a.trace_id.size(), 32U);
  EXPECT_NE(a.trace_id, b.trace_id);
  EXPECT_TRUE(a.changes.empty());
}

}  // namespace
}  // namespace unik::controller
