#include "controller/log_sessions.hpp"

#include <gtest/gtest.h>

#include "controller/loop.hpp"

namespace unik::controller {
namespace {

class LogSessionsTest : public ::testing::Test {
 protected:
  LogSessionsTest() {
    apply(world_, first_record("cluster", {}));
    ++world_.revision;
    NodeRow node;
    Node value;
    value.metadata.name = "n1";
    node.node = value;
    apply(world_, PutNode{node});
    App app;
    app.metadata.name = "web";
    app.metadata.tenant = "default";
    AppRow row;
    row.app = app;
    row.rollout = 2;
    apply(world_, PutTemplate{{app.name(), 2}, app.spec.boot});
    apply(world_, PutApp{row});
    InstanceRow instance;
    instance.node = Symbol("n1");
    instance.status = InstanceStatus{};
    apply(world_, PutInstance{id_, instance});
  }

  void start_instance(std::uint32_t restarts = 0) {
    InstanceStatus status;
    status.restarts = restarts;
    status.phase = Phase::kRunning;
    status.started_at = WallTime(std::chrono::seconds(5));
    apply(world_, ObserveInstance{id_, status});
  }

  LogsAsked ask(std::string name, bool follow) const {
    LogsAsked asked;
    asked.session = 1;
    asked.tenant = "default";
    asked.name = std::move(name);
    asked.query.follow = follow;
    return asked;
  }

  const InstanceId id_{Symbol("default"), Symbol("web"), 0, 2, 1};
  World world_;
  LogSessions sessions_;
  std::set<Symbol> wake_;
  Effects effects_;
};

TEST_F(LogSessionsTest, AFollowerWaitsForTheFirstStart) {
  sessions_.open(world_, ask("web", true), Time{}, wake_, effects_);
  EXPECT_TRUE(sessions_.requests_for(Symbol("n1")).empty());
  start_instance();
  sessions_.look_again(world_, {{Symbol("default"), Symbol("web")}}, Time{}, wake_, effects_);
  EXPECT_EQ(sessions_.requests_for(Symbol("n1")).size(), 1U);
  EXPECT_TRUE(wake_.contains(Symbol("n1")));
}

TEST_F(LogSessionsTest, ANodeIsAskedUntilItsPushBegins) {
  start_instance();
  sessions_.open(world_, ask("web-0-r2-1", false), Time{}, wake_, effects_);
  const std::vector<LogRequest> requests = sessions_.requests_for(Symbol("n1"));
  ASSERT_EQ(requests.size(), 1U);
  sessions_.push_began(requests.front().stream_id);
  EXPECT_TRUE(sessions_.requests_for(Symbol("n1")).empty());
}

TEST_F(LogSessionsTest, ASilentNodeIsGivenUp) {
  start_instance();
  sessions_.open(world_, ask("web", false), Time{}, wake_, effects_);
  effects_ = {};
  sessions_.pass_time(Time{} + kLogPatience, effects_);
  ASSERT_EQ(effects_.list.size(), 1U);
  EXPECT_EQ(std::get<GiveUpLog>(effects_.list.front()).error.reason, "node_silent");
}

TEST_F(LogSessionsTest, AConsoleThatIsFollowedIsWaitedForWhileItsInstanceIsThere) {
  start_instance();
  sessions_.open(world_, ask("web", true), Time{}, wake_, effects_);
  effects_ = {};
  sessions_.pass_time(Time{} + kLogPatience, effects_);
  ASSERT_EQ(effects_.list.size(), 1U);
  EXPECT_FALSE(std::get<GiveUpLog>(effects_.list.front()).final);
  EXPECT_EQ(sessions_.requests_for(Symbol("n1")).size(), 1U) << "its node may come back";
  EXPECT_FALSE(sessions_.next_deadline().has_value()) << "said once";
  apply(world_, RemoveInstance{id_});
  const Time later = Time{} + 2 * kLogPatience;
  sessions_.look_again(world_, {{Symbol("default"), Symbol("web")}}, later, wake_, effects_);
  effects_ = {};
  sessions_.pass_time(later + kLogPatience, effects_);
  ASSERT_EQ(effects_.list.size(), 1U);
  EXPECT_TRUE(std::get<GiveUpLog>(effects_.list.front()).final);
  EXPECT_TRUE(sessions_.requests_for(Symbol("n1")).empty());
}

TEST_F(LogSessionsTest, APreviousRunIsOnlyThereAfterARestart) {
  start_instance();
  LogsAsked asked = ask("web", true);
  asked.query.select = LogSelect::kPrevious;
  sessions_.open(world_, asked, Time{}, wake_, effects_);
  ASSERT_EQ(effects_.list.size(), 1U);
  EXPECT_EQ(std::get<EndLogs>(effects_.list.front()).error->reason, "no_such_run");

  // A store that was restored knows less than the nodes.
  world_.history_lost = true;
  effects_ = {};
  asked.session = 2;
  sessions_.open(world_, asked, Time{}, wake_, effects_);
  EXPECT_EQ(sessions_.requests_for(Symbol("n1")).size(), 1U);
}

TEST_F(LogSessionsTest, FollowingAPreviousRunEndsWithIt) {
  start_instance(1);
  LogsAsked asked = ask("web", true);
  asked.query.select = LogSelect::kPrevious;
  sessions_.open(world_, asked, Time{}, wake_, effects_);
  EXPECT_EQ(sessions_.requests_for(Symbol("n1")).size(), 1U);
  EXPECT_FALSE(std::get<EndLogs>(effects_.list.back()).error.has_value());
  const InstanceId other{Symbol("default"), Symbol("web"), 1, 2, 1};
  InstanceRow instance;
  instance.node = Symbol("n1");
  instance.status = InstanceStatus{};
  apply(world_, PutInstance{other, instance});
  sessions_.look_again(world_, {{Symbol("default"), Symbol("web")}}, Time{}, wake_, effects_);
  EXPECT_EQ(sessions_.requests_for(Symbol("n1")).size(), 1U) << "whoever comes later has no previous run";
}

TEST_F(LogSessionsTest, FollowingEndsWithTheAppOrTheInstance) {
  start_instance();
  sessions_.open(world_, ask("web", true), Time{}, wake_, effects_);
  LogsAsked of_one = ask("web-0-r2-1", true);
  of_one.session = 2;
  sessions_.open(world_, of_one, Time{}, wake_, effects_);
  const auto ended_now = [&] {
    effects_ = {};
    sessions_.look_again(world_, {{Symbol("default"), Symbol("web")}}, Time{}, wake_, effects_);
    std::vector<std::uint64_t> ended;
    for (const Effect& effect : effects_.list)
      if (const auto* const end = std::get_if<EndLogs>(&effect); end != nullptr && !end->error)
        ended.push_back(end->session);
    return ended;
  };
  EXPECT_TRUE(ended_now().empty());
  apply(world_, RemoveInstance{id_});
  EXPECT_EQ(ended_now(), (std::vector<std::uint64_t>{2})) << "the app may get another one";
  apply(world_, RemoveApp{{Symbol("default"), Symbol("web")}});
  EXPECT_EQ(ended_now(), (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(ended_now().empty()) << "once";
}

TEST_F(LogSessionsTest, NobodysLogIsNotFound) {
  sessions_.open(world_, ask("nobody", true), Time{}, wake_, effects_);
  ASSERT_EQ(effects_.list.size(), 1U);
  EXPECT_EQ(std::get<EndLogs>(effects_.list.front()).error->code, ErrorCode::kNotFound);
}

TEST_F(LogSessionsTest, BeforeAnAppIsThereItsBuildIsNamed) {
  Operation build;
  build.operation_id = "op-2-0";
  build.kind = OperationKind::kBuild;
  build.target = {Symbol("default"), Symbol("early")};
  const auto told = [&] {
    apply(world_, PutOperation{{2, 0}, build});
    effects_ = {};
    sessions_.open(world_, ask("early", true), Time{}, wake_, effects_);
    return std::get<EndLogs>(effects_.list.front()).error->message;
  };
  EXPECT_EQ(told(),
            "there is no app or instance `early` yet: its build is not done; `unikctl logs operation/op-2-0` shows "
            "what that says");
  build.state = OperationState::kFailed;
  EXPECT_NE(told().find("its build failed; `unikctl logs operation/op-2-0`"), std::string::npos);
  build.state = OperationState::kSucceeded;
  EXPECT_EQ(told(), "there is no app or instance `early`") << "the app was there, and has gone";
}

}  // namespace
}  // namespace unik::controller
