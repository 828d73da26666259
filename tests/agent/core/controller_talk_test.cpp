#include "agent/core/controller_talk.hpp"

#include <gtest/gtest.h>

namespace unik::agent {
namespace {

using std::chrono::seconds;

class ControllerTalkTest : public ::testing::Test {
 protected:
  void registered() {
    talk_.open(now_);
    talk_.register_sent(now_);
    talk_.registered({"c1", seconds(10)}, now_);
  }
  // When it asks to be registered next, within ten minutes.
  Duration until_register() {
    for (Duration waited{}; waited < std::chrono::minutes(10); waited += std::chrono::milliseconds(100))
      if (talk_.is_register_due(now_ + waited)) return waited;
    return Duration::max();
  }

  Time now_{std::chrono::hours(1)};
  ControllerTalk talk_{"n1"};
};

TEST_F(ControllerTalkTest, OneThatWasNeverRegisteredBeginsAgainAboveALaterStart) {
  talk_.open(now_);
  talk_.register_sent(now_);
  EXPECT_TRUE(talk_.begin_again(false, now_));
}

TEST_F(ControllerTalkTest, OneThatIsSupersededStandsAsideAndAsksNowAndThen) {
  registered();
  talk_.heartbeat_sent(1, now_);
  talk_.superseded(now_);
  EXPECT_FALSE(talk_.is_registered());
  for (int i = 0; i < 5; ++i) {
    const Duration pause = until_register();
    EXPECT_GT(pause, Duration::zero());
    EXPECT_LE(pause, kAskAgain);
    now_ += pause;
    talk_.register_sent(now_);
    EXPECT_FALSE(talk_.begin_again(false, now_)) << "the other still reports";
    EXPECT_FALSE(talk_.is_heartbeat_due(now_ + std::chrono::hours(1)));
  }
}

TEST_F(ControllerTalkTest, OneWhoseNameIsTakenAsksAtAnEvenPace) {
  talk_.open(now_);
  for (int i = 0; i < 20; ++i) {
    now_ += until_register();
    talk_.register_sent(now_);
    talk_.refused(now_);
    EXPECT_GE(until_register(), kAskAgain / 2);
    EXPECT_LE(until_register(), kAskAgain);
  }
  now_ += until_register();
  registered();
  EXPECT_TRUE(talk_.is_heartbeat_due(now_));
}

TEST_F(ControllerTalkTest, OneThatWasSupersededReturnsWhenTheOtherIsSilent) {
  registered();
  talk_.superseded(now_);
  now_ += until_register();
  talk_.register_sent(now_);
  EXPECT_TRUE(talk_.begin_again(true, now_));
  registered();
  EXPECT_TRUE(talk_.is_heartbeat_due(now_));
}

// Goals reach a node within milliseconds only while a heartbeat of its waits for them.
TEST_F(ControllerTalkTest, OneHeartbeatIsSoonParkedAgain) {
  registered();
  const std::uint64_t first = talk_.heartbeat_sent(1, now_).seq;
  HeartbeatReply reply;
  reply.renew = first;
  const auto confirmed = talk_.answered(first, reply, now_);
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(confirmed->renewed, now_);
  EXPECT_FALSE(talk_.is_heartbeat_due(now_ + kParkAgain - Duration(1)));
  EXPECT_TRUE(talk_.is_heartbeat_due(now_ + kParkAgain));
}

TEST_F(ControllerTalkTest, ALeaseIsRenewedFromTheHeartbeatThatIsNamed) {
  registered();
  const Time before = now_;
  const std::uint64_t first = talk_.heartbeat_sent(1, now_).seq;
  now_ += seconds(10);
  const std::uint64_t second = talk_.heartbeat_sent(1, now_).seq;
  HeartbeatReply reply;
  reply.renew = second;
  const auto confirmed = talk_.answered(first, reply, now_);
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(confirmed->heard, before);
  EXPECT_EQ(confirmed->renewed, now_);
  EXPECT_FALSE(talk_.is_heartbeat_due(now_ + kParkAgain)) << "the second one is parked";
  EXPECT_FALSE(talk_.answered(second, {}, now_)->renewed) << "an answer that names none renews nothing";
}

}  // namespace
}  // namespace unik::agent
