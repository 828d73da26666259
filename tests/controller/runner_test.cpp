#include "controller/runner.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>

namespace unik::controller {
namespace {

namespace fs = std::filesystem;

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() : path_(directory() / "controller.db") {
    Store store = std::move(Store::open(path_)).value();
    EXPECT_EQ(store.commit(first_record("cluster", {})).outcome, CommitOutcome::kCommitted);
    World world = std::move(store.load()).value();
    runner_ = std::make_unique<Runner>(path_, std::move(store), std::move(world), LoopOptions{});
  }
  void start() {
    RunnerSinks sinks;
    sinks.published = [](const PublishWorld&) {};
    sinks.turned = [this](Duration, std::size_t events) {
      turns_ += events > 0 ? 1 : 0;
      events_ += events;
    };
    runner_->start(std::move(sinks));
  }
  ~RunnerTest() override {
    runner_.reset();
    fs::remove_all(path_.parent_path());
  }

  static fs::path directory() {
    std::string name = fs::temp_directory_path() / "unik-runner-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
  }

  // A heartbeat of a node that nobody knows, which is answered at once when its turn comes.
  std::future<Answer> beat() {
    const auto promise = std::make_shared<std::promise<Answer>>();
    Report report;
    report.node = "n1";
    runner_->ask(
        [&](RequestId id) {
          return Event(HeartbeatArrived{id, report});
        },
        [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }

  const fs::path path_;
  std::unique_ptr<Runner> runner_;
  std::atomic<std::size_t> turns_ = 0;
  std::atomic<std::size_t> events_ = 0;
};

TEST_F(RunnerTest, AHeartbeatAloneIsAnsweredToo) {
  start();
  Answer answer = beat().get();
  ASSERT_TRUE(std::holds_alternative<HeartbeatReply>(answer));
  EXPECT_TRUE(std::get<HeartbeatReply>(answer).want_register);
}

TEST_F(RunnerTest, HeartbeatsThatSayNothingNewShareTurns) {
  start();
  constexpr std::size_t kBeats = 1000;
  std::vector<std::future<Answer>> answers;
  for (std::size_t i = 0; i < kBeats; ++i) answers.push_back(beat());
  for (std::future<Answer>& answer : answers) EXPECT_TRUE(std::holds_alternative<HeartbeatReply>(answer.get()));
  runner_->stop();
  EXPECT_GE(events_, kBeats);
  EXPECT_LT(turns_, kBeats / 4);
}

TEST_F(RunnerTest, WhatDoesNotFitTheInboxIsToBeTriedAgain) {
  EXPECT_EQ(kMaxInbox, 10'000U);
  std::vector<std::future<Answer>> answers;
  for (std::size_t i = 0; i <= kMaxInbox; ++i) answers.push_back(beat());
  start();  // nothing has taken from the inbox before
  const Answer refused = answers.back().get();
  ASSERT_TRUE(std::holds_alternative<Error>(refused));
  EXPECT_EQ(std::get<Error>(refused).code, ErrorCode::kExhausted);
  answers.pop_back();
  for (std::future<Answer>& answer : answers) EXPECT_TRUE(std::holds_alternative<HeartbeatReply>(answer.get()));
}

}  // namespace
}  // namespace unik::controller
