#include "cli/log_lines.hpp"

#include <gtest/gtest.h>

namespace unik::cli {
namespace {

constexpr const char* kFirst = "web-0-r42-1 | 2026-11-22T10:00:00.000Z one\n";
constexpr const char* kSecond = "web-0-r42-1 | 2026-11-22T10:00:00.005Z two\n";
constexpr const char* kTwin = "web-0-r42-1 | 2026-11-22T10:00:00.005Z twin\n";
constexpr const char* kThird = "web-0-r42-1 | 2026-11-22T10:00:00.005Z three\n";
constexpr const char* kOther = "web-1-r42-1 | 2026-11-22T10:00:00.001Z other\n";

TEST(LogLines, ShowWhatTheUserAskedFor) {
  EXPECT_EQ(LogLines({}).feed(kFirst), "one\n");
  EXPECT_EQ(LogLines({true, false, false}).feed(kFirst), "web-0-r42-1 | one\n");
  EXPECT_EQ(LogLines({true, true, false}).feed(kFirst), kFirst);
  EXPECT_EQ(LogLines({false, true, false}).feed("a | 2026-11-22T10:00:00.000Z~ late\n"),
            "2026-11-22T10:00:00.000Z~ late\n");
}

TEST(LogLines, ArriveInPiecesOfAnySize) {
  LogLines lines({});
  std::string shown;
  const std::string text = std::string(kFirst) + kOther + "web-0-r42-1 | 2026-11-22T10:00:00.009Z \nno form\n";
  for (const char c : text) shown += lines.feed(std::string(1, c));
  EXPECT_EQ(shown, "one\nweb-1-r42-1 | other\nweb-0-r42-1 | \nno form\n");
  EXPECT_EQ(lines.feed("web-0-r42-1 | 2026-11-22T10:00:01.000Z no end"), "");
  EXPECT_EQ(lines.finish(), "web-0-r42-1 | no end\n");
}

TEST(LogLines, NameTheirInstanceOnceThereIsASecondOne) {
  LogLines lines({});
  EXPECT_EQ(lines.feed(kFirst), "one\n");
  EXPECT_EQ(lines.feed(kOther), "web-1-r42-1 | other\n");
  EXPECT_EQ(lines.feed(kSecond), "web-0-r42-1 | two\n");
}

TEST(LogLines, AreNotDoubledWhenTheStreamBeginsAgain) {
  LogLines lines({});
  EXPECT_EQ(lines.feed(std::string(kFirst) + kOther + kSecond + kTwin + "web-0-r42-1 | 2026-11-22T10:0"),
            "one\nweb-1-r42-1 | other\nweb-0-r42-1 | two\nweb-0-r42-1 | twin\n");
  EXPECT_EQ(format_wall_time(*lines.resume_since()), "2026-11-22T10:00:00.001Z");
  lines.reconnected();
  // The same lines again, a third one of the same millisecond, and one that came meanwhile.
  EXPECT_EQ(lines.feed(std::string(kOther) + kSecond + kTwin + kThird + "web-0-r42-1 | 2026-11-22T10:00:07.000Z new\n"),
            "web-0-r42-1 | three\nweb-0-r42-1 | new\n");
}

TEST(LogLines, KeepALineThatNeverEndsWithinBounds) {
  LogLines lines({});
  const std::string half(LogLines::kMaxHeldBytes, 'x');
  std::string shown = lines.feed("web-0-r42-1 | 2026-11-22T10:00:00.000Z " + half);
  EXPECT_GE(shown.size(), half.size());
  shown += lines.feed("y\nweb-0-r42-1 | 2026-11-22T10:00:01.000Z next\n");
  EXPECT_EQ(shown, half + "y\nnext\n");
}

}  // namespace
}  // namespace unik::cli
