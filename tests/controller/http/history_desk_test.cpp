#include "controller/http/history_desk.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "controller/loop.hpp"
#include "controller/store/store.hpp"
#include "tests/controller/store/store_home.hpp"

namespace unik::controller {
namespace {

class HistoryDeskTest : public ::testing::Test {
 protected:
  HistoryDeskTest() {
    Result<Store> store = Store::open(home_.path());
    EXPECT_EQ(store->commit(first_record("cluster", WallTime(std::chrono::hours(500'000)))).outcome,
              CommitOutcome::kCommitted);
  }
  History open() const { return std::move(History::open(home_.path())).value(); }

  StoreHome home_;
};

TEST_F(HistoryDeskTest, AnswersWithTheWorldAsItWas) {
  HistoryDesk desk(open());
  std::promise<std::uint64_t> revision;
  desk.ask(std::uint64_t{1}, [&](const auto& world) { revision.set_value(world.ok() ? (*world)->revision : 0); });
  EXPECT_EQ(revision.get_future().get(), 1U);
}

TEST_F(HistoryDeskTest, AReadThatIsAskedToStopDoesSo) {
  std::stop_source stop;
  stop.request_stop();
  const auto world = open().at(std::uint64_t{1}, stop.get_token());
  ASSERT_FALSE(world.ok());
  EXPECT_EQ(world.error().reason, "ending");
}

TEST_F(HistoryDeskTest, AfterItsEndEachQuestionIsAnsweredAndNoneIsRead) {
  std::atomic<std::size_t> answered = 0;
  std::atomic<std::size_t> ended = 0;
  const auto count = [&](const auto& world) {
    ++answered;
    if (!world.ok() && world.error().reason == "ending") ++ended;
  };
  {
    // Of the desk's thread too, and so there until it has ended.
    std::promise<void> reached;
    std::promise<void> ended_by_now;
    HistoryDesk desk(open());
    desk.ask(std::uint64_t{1}, [&](const auto&) {
      reached.set_value();
      ended_by_now.get_future().wait();
    });
    reached.get_future().wait();
    for (std::size_t i = 0; i < kMaxHistoryReads; ++i) desk.ask(std::uint64_t{1}, count);  // behind the one under way
    desk.ask(std::uint64_t{1}, [](const auto& world) { EXPECT_EQ(world.error().code, ErrorCode::kExhausted); });
    desk.end();
    desk.ask(std::uint64_t{1}, count);
    EXPECT_EQ(ended, 1U);
    ended_by_now.set_value();
  }
  EXPECT_EQ(kMaxHistoryReads, 16U);
  EXPECT_EQ(answered, kMaxHistoryReads + 1);
  EXPECT_EQ(ended, kMaxHistoryReads + 1);
}

}  // namespace
}  // namespace unik::controller
