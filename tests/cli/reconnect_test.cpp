#include "cli/reconnect.hpp"

#include <gtest/gtest.h>

namespace unik::cli {
namespace {

using namespace std::chrono_literals;

const Time kStart{1h};
const Error kRefused = unavailable("connection_refused", "no server");
const Error kLost = unavailable("connection_lost", "closed");

TEST(Reconnect, AServerThatDoesNotComeBackIsGivenUp) {
  Reconnect reconnect(kStart);
  Time now = kStart;
  for (; now < kStart + kReconnectPatience; now += 10s) {
    reconnect.begins(now);
    EXPECT_TRUE(reconnect.may_try_again(kRefused, now));
  }
  reconnect.begins(now + 1s);
  EXPECT_FALSE(reconnect.may_try_again(kRefused, now + 1s));
}

TEST(Reconnect, SilenceIsNoAbsence) {
  for (const auto& error : {std::optional(kLost), std::optional<Error>()}) {
    Reconnect reconnect(kStart);
    reconnect.begins(kStart);
    const Time cut = kStart + 24h;
    EXPECT_TRUE(reconnect.may_try_again(error, cut)) << "it was open and silent for a day";
    reconnect.begins(cut + 2min);
    EXPECT_TRUE(reconnect.may_try_again(kRefused, cut + 2min));
    reconnect.begins(cut + 6min);
    EXPECT_FALSE(reconnect.may_try_again(kRefused, cut + 6min));
  }
}

TEST(Reconnect, WhatWasHeardCountsFromItsEnd) {
  Reconnect reconnect(kStart);
  reconnect.begins(kStart);
  reconnect.heard();
  EXPECT_TRUE(reconnect.may_try_again(unavailable("console_broke_off", "gone"), kStart + 24h));
}

TEST(Reconnect, OneThatIsCutAtOnceAgainAndAgainIsGivenUp) {
  Reconnect reconnect(kStart);
  Time now = kStart;
  for (; now <= kStart + kReconnectPatience; now += 1s) {
    reconnect.begins(now);
    EXPECT_TRUE(reconnect.may_try_again(kLost, now));
  }
  reconnect.begins(now);
  EXPECT_FALSE(reconnect.may_try_again(kLost, now));
}

}  // namespace
}  // namespace unik::cli
