#include "controller/loop.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "controller/core/retention.hpp"
#include "controller/heartbeats.hpp"

namespace unik::controller {
namespace {

TEST(Loop, RefusesTheChangeThatIsOneTooManyAndKeepsTheOthers) {
  World world;
  apply(world, first_record("cluster", {}));
  Loop loop(std::move(world), {});
  const Now now{Time(std::chrono::hours(1)), WallTime(std::chrono::hours(500'000))};
  std::vector<Event> events;
  for (RequestId id = 1; id <= kMaxWaiting + 1; ++id) {
    MutationAsked asked;
    asked.id = id;
    asked.mutation = DeleteRequest{Kind::kApp, "default", {"none"}, "trace"};
    events.emplace_back(std::move(asked));
  }
  std::vector<RequestId> exhausted;
  std::size_t answered = 0;
  for (const Effect& effect : loop.turn(now, events).list) {
    const auto* const reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) continue;
    const auto* const error = std::get_if<Error>(&reply->answer);
    ASSERT_NE(error, nullptr);
    ++answered;
    if (error->code == ErrorCode::kExhausted) exhausted.push_back(reply->id);
  }
  EXPECT_EQ(exhausted, std::vector<RequestId>{kMaxWaiting + 1});
  EXPECT_EQ(kMaxWaiting, 10'000U);
  EXPECT_GT(answered, 1U) << "the others are at work";
}

// The real loop, whose commits come home when the test says so.
class HeldLoop {
 public:
  explicit HeldLoop(World world = first_world()) : loop_(std::move(world), {}) {}

  // What was answered to `events`, and in the turns that they brought.
  std::vector<Reply> turn(std::vector<Event> events) {
    std::vector<Reply> replies;
    for (int turns = 0; turns < 20 && (turns == 0 || !events.empty()); ++turns) {
      std::vector<Event> next;
      const Effects effects = loop_.turn(now(), events);
      wake_at_ = effects.wake_at.value_or(Time::max());
      last_turn_ = boot_;
      for (const Effect& effect : effects.list) {
        if (const auto* const reply = std::get_if<Reply>(&effect)) replies.push_back(*reply);
        if (const auto* const begun = std::get_if<BeginBuild>(&effect))
          builds.push_back("begin " + to_string(begun->key));
        if (const auto* const end = std::get_if<EndBuild>(&effect)) builds.push_back("end " + to_string(end->key));
        const auto* const begun = std::get_if<BeginCommit>(&effect);
        if (begun == nullptr) continue;
        held_ = begun->record->seq;
        if (!holding) next.emplace_back(Committed{held_});
      }
      events = std::move(next);
      boot_ += std::chrono::milliseconds(2);
    }
    return replies;
  }
  void pass_without_turn(Duration time) { boot_ += time; }
  // After the last turn.
  Duration wakes_in() const { return wake_at_ - last_turn_; }
  void pass(Duration time) {
    for (; time > Duration::zero(); time -= std::chrono::seconds(1)) {
      boot_ += std::chrono::seconds(1);
      turn({});
    }
  }
  std::vector<Reply> release() {
    holding = false;
    return turn({Committed{held_}});
  }

  RegisterAsked registers(const std::string& agent, std::uint64_t start) {
    RegisterRequest request;
    request.node = "n1";
    request.agent_id = agent;
    request.agent_start = start;
    request.info.capacity = {MilliCpu{4000}, mebibytes(4096)};
    return {++last_, "", request};
  }
  // With the first one it has no goals yet.
  HeartbeatArrived reports(std::uint64_t start, std::uint64_t seq) {
    Report report;
    report.node = "n1";
    report.agent_start = start;
    report.seq = seq;
    report.digest = seq;
    report.body.emplace();
    const ClusterRow& cluster = loop_.world().cluster;
    if (seq > 1) report.accepted_stamp = {cluster.cluster_id, cluster.epoch, loop_.world().revision};
    return {++last_, report};
  }

  MutationAsked sends_source(char source) {
    MutationAsked asked;
    asked.id = ++last_;
    asked.caller.actor = "uid/1";
    BuildRequest build;
    build.app.metadata.name = "web";
    build.app.metadata.tenant = kDefaultTenant;
    build.app.spec.source = "sha256:" + std::string(64, source);
    build.actor = "uid/1";
    asked.mutation = std::move(build);
    return asked;
  }
  MutationAsked recovers() {
    MutationAsked asked;
    asked.id = ++last_;
    asked.mutation = RecoverRequest{};
    return asked;
  }
  const World& world() const { return loop_.world(); }
  std::uint64_t held() const { return held_; }  // the record that waits for its commit

  bool holding = false;
  std::vector<std::string> builds;  // what the builder was told

 private:
  static World first_world() {
    World world;
    apply(world, first_record("cluster", {}));
    return world;
  }
  Now now() const { return {boot_, WallTime(std::chrono::hours(500'000) + boot_.time_since_epoch())}; }

  Loop loop_;
  Time boot_{std::chrono::hours(1)};
  Time wake_at_, last_turn_;
  RequestId last_ = 0;
  std::uint64_t held_ = 0;
};

// Between the decision that another agent gets the name and its being durable the first one may be heard again.
TEST(Loop, RenewsNoLeaseOfAnAgentWhoseNameIsBeingGivenToAnother) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  loop.turn({loop.reports(10, 1)});
  loop.turn({loop.reports(10, 2)});
  loop.pass(std::chrono::seconds(80));
  loop.holding = true;
  EXPECT_TRUE(loop.turn({loop.registers("b2", 20)}).empty()) << "its commit is under way";
  const std::vector<Reply> told = loop.turn({loop.reports(10, 3)});
  ASSERT_EQ(told.size(), 1U) << "it is parked, and released as a renewal when the other reports";
  const auto* const error = std::get_if<Error>(&told.front().answer);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->reason, "superseded_agent");
  const std::vector<Reply> registered = loop.release();
  ASSERT_EQ(registered.size(), 1U);
  EXPECT_NE(std::get_if<RegisterReply>(&registered.front().answer), nullptr);
}

HeartbeatReply heartbeat_reply(const Reply& reply) {
  const std::optional<HeartbeatReply> answer = controller::heartbeat_reply(reply.answer);
  EXPECT_TRUE(answer);
  return answer.value_or(HeartbeatReply{});
}

TEST(Loop, NamesANewerHeartbeatToTheOneThatWaits) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  const std::vector<Reply> first = loop.turn({loop.reports(10, 1)});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(heartbeat_reply(first.front()).goals);
  EXPECT_EQ(heartbeat_reply(first.front()).renew, 0U) << "goals say that those before were old";
  loop.turn({loop.reports(10, 2)});
  const std::vector<Reply> second = loop.turn({loop.reports(10, 3)});
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(heartbeat_reply(second.front()).renew, 3U);
}

// From when a node was heard its lease is counted here: what was not taken in must not renew there.
TEST(Loop, RenewsNothingByAHeartbeatThatItDoesNotTakeIn) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  loop.turn({loop.reports(10, 1)});
  loop.turn({loop.reports(10, 2)});
  HeartbeatArrived unknown = loop.reports(10, 3);
  unknown.report.body.reset();
  const std::vector<Reply> told = loop.turn({unknown});
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(heartbeat_reply(told.front()).renew, 2U);
  EXPECT_TRUE(heartbeat_reply(told.back()).want_body);
  EXPECT_EQ(heartbeat_reply(told.back()).renew, 0U);
}

// The goals that it would give may be older than what the node has, and the revocation among those that were lost.
TEST(Loop, RenewsNothingWhileItHoldsGoalsBack) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  loop.turn({loop.reports(10, 1)});
  loop.turn({loop.reports(10, 2)});
  HeartbeatArrived later = loop.reports(10, 3);
  later.report.accepted_stamp.revision += 1000;
  const std::vector<Reply> told = loop.turn({later});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(heartbeat_reply(told.front()).renew, 0U);
  EXPECT_FALSE(heartbeat_reply(told.front()).goals);
}

TEST(Loop, BeginsABuildWhenItsTurnIsDurableAndNotBefore) {
  HeldLoop loop;
  loop.holding = true;
  loop.turn({loop.sends_source('1')});
  EXPECT_TRUE(loop.builds.empty());
  loop.release();
  EXPECT_EQ(loop.builds, std::vector<std::string>{"begin op-2-0"});
}

TEST(Loop, EndsABuildThatANewerSourceReplacesAndIgnoresWhatComesOfIt) {
  HeldLoop loop;
  loop.turn({loop.sends_source('1')});
  loop.turn({loop.sends_source('2')});
  EXPECT_EQ(loop.builds, (std::vector<std::string>{"begin op-2-0", "end op-2-0", "begin op-3-0"}));
  const std::uint64_t revision = loop.world().revision;
  loop.turn({BuildEnded{{2, 0}, {"web@sha256:" + std::string(64, 'a'), std::nullopt}}});
  EXPECT_EQ(loop.world().revision, revision);
}

TEST(Loop, KeepsWhatCameOfABuildUntilItIsDurable) {
  HeldLoop loop;
  loop.turn({loop.sends_source('1')});
  loop.holding = true;
  loop.turn({BuildEnded{{2, 0}, {"web@sha256:" + std::string(64, 'a'), std::nullopt}}});
  EXPECT_TRUE(loop.world().apps.empty());
  loop.turn({Rejected{loop.held(), exhausted("disk_full", "no room")}});
  EXPECT_TRUE(loop.world().apps.empty());
  loop.holding = false;
  loop.pass(std::chrono::seconds(2));
  EXPECT_EQ(loop.world().apps.size(), 1U);
  EXPECT_EQ(loop.builds, std::vector<std::string>{"begin op-2-0"});
}

TEST(Loop, KeepsWhatCameOfABuildWhileTheHistoryIsLostAndDeclaresItAfterTheRecovery) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  loop.turn({loop.reports(10, 1)});
  loop.turn({loop.sends_source('1')});
  HeartbeatArrived knows_more = loop.reports(10, 2);
  knows_more.report.accepted_stamp.revision += 100;
  loop.turn({knows_more});
  ASSERT_TRUE(loop.world().history_lost);
  const OperationKey build = loop.world().unfinished_builds.begin()->first;
  loop.turn({BuildEnded{build, {"web@sha256:" + std::string(64, 'a'), std::nullopt}}});
  EXPECT_GT(loop.wakes_in(), Duration::zero()) << "nothing is to be done: it sleeps";
  loop.pass(std::chrono::seconds(65));
  EXPECT_TRUE(loop.world().apps.empty()) << "nor when it looks at everything";
  loop.turn({loop.recovers()});
  loop.pass(std::chrono::seconds(2));
  EXPECT_EQ(loop.world().apps.size(), 1U);
  EXPECT_EQ(loop.builds.size(), 1U) << "it was built once";
}

// The copy was made under a later start of the agent, whose row the lost history made anew: the agent stands aside
// until that start is taken for silent.
TEST(Loop, NoticesThatItsHistoryIsLostByAnAgentThatItDoesNotListenTo) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  HeartbeatArrived knows_more = loop.reports(5, 2);
  knows_more.report.accepted_stamp.revision += 100;
  const std::vector<Reply> told = loop.turn({knows_more});
  ASSERT_EQ(told.size(), 1U);
  ASSERT_NE(std::get_if<Error>(&told.front().answer), nullptr);
  EXPECT_TRUE(loop.world().history_lost);
}

// The oldest go when there are too many, and a build whose successor was asked for is one of the oldest.
TEST(Loop, ForgetsABuildThatEndsInTheTurnInWhichItIsTooOldToKeep) {
  HeldLoop before;
  before.turn({before.sends_source('1')});
  World full = before.world();
  const Operation finished = [] {
    Operation operation;
    operation.state = OperationState::kSucceeded;
    operation.target = {Symbol("default"), Symbol("other")};
    return operation;
  }();
  for (std::uint32_t i = 1; i <= kMaxFinishedOperations; ++i) apply(full, PutOperation{{2, i}, finished});
  HeldLoop loop(std::move(full));
  loop.turn({});
  ASSERT_EQ(loop.builds, std::vector<std::string>{"begin op-2-0"});
  // One turn that tidies up, hears of the end, and takes the newer source.
  loop.pass(std::chrono::seconds(57));
  loop.pass_without_turn(kLongestTurnGap);
  loop.turn({BuildEnded{{2, 0}, {"web@sha256:" + std::string(64, 'a'), std::nullopt}}, loop.sends_source('2')});
  EXPECT_EQ(loop.world().operations.find({2, 0}), nullptr);
  EXPECT_TRUE(loop.world().apps.empty());
  ASSERT_EQ(loop.builds.size(), 2U);
  EXPECT_NE(loop.builds.back(), "begin op-2-0");
}

TEST(Loop, BeginsABuildAgainThatAControllerBeforeItHasBegun) {
  HeldLoop before;
  before.turn({before.sends_source('1')});
  HeldLoop after(before.world());
  after.turn({});
  EXPECT_EQ(after.builds, std::vector<std::string>{"begin op-2-0"});
  EXPECT_EQ((*after.world().operations.find({2, 0}))->attempts, 2U);
}

// The answer may be made long after it was decided: what happened since then is for the next one.
TEST(Loop, GivesTheGoalsOfTheMomentAtWhichItAnswered) {
  HeldLoop loop;
  loop.turn({loop.registers("a1", 10)});
  const std::vector<Reply> first = loop.turn({loop.reports(10, 1)});
  ASSERT_EQ(first.size(), 1U);
  const HeartbeatReply before = heartbeat_reply(first.front());
  ASSERT_TRUE(before.goals);
  loop.turn({loop.registers("b2", 20)});
  EXPECT_EQ(heartbeat_reply(first.front()), before);
}

}  // namespace
}  // namespace unik::controller
