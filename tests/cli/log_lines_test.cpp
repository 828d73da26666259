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
  EXPECT_EQ(lines.feed("web-0-r42-1 | 2026-11-22T10:00:01.000Z no end"), "web-0-r42-1 | no end");
  EXPECT_EQ(lines.finish(), "\n");
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

constexpr const char* kPrompt = "web-0-r42-1 | 2026-11-22T10:00:00.005Z name? ";

TEST(LogLines, ShowAPromptAndALineOfAnyLengthAtOnce) {
  LogLines lines({});
  EXPECT_EQ(lines.feed(kPrompt), "name? ");
  EXPECT_EQ(lines.feed("yes"), "yes");
  EXPECT_EQ(lines.feed("\nweb-0-r42-1 | 2026-11-22T10:00:01.000Z next\n"), "\nnext\n");
  const std::string half(std::size_t{5} << 20, 'x');
  EXPECT_EQ(lines.feed("web-0-r42-1 | 2026-11-22T10:00:02.000Z " + half).size(), half.size());
  EXPECT_EQ(lines.feed("y\n"), "y\n");
}

TEST(LogLines, GoOnWithALineThatAnotherConsoleBrokeInto) {
  LogLines lines({});
  EXPECT_EQ(lines.feed(std::string(kPrompt) + "\n" + kOther + "web-0-r42-1 |> yes\n"),
            "name? \nweb-1-r42-1 | other\nweb-0-r42-1 | yes\n");
  EXPECT_EQ(LogLines({}).feed("a |> 2026-11-22T10:00:00.000Z is text\n"), "2026-11-22T10:00:00.000Z is text\n");
}

TEST(LogLines, GoOnWithinALineWhenTheStreamBeginsAgain) {
  LogLines lines({});
  EXPECT_EQ(lines.feed(std::string(kFirst) + kSecond + kPrompt), "one\ntwo\nname? ");
  for (int time = 0; time < 2; ++time) {
    lines.reconnected();
    EXPECT_EQ(lines.feed(std::string(kSecond) + std::string(kPrompt).substr(0, 42)), "")
        << "again, and broken off again";
  }
  lines.reconnected();
  EXPECT_EQ(lines.feed(std::string(kSecond) + kPrompt + "yes"), "yes");
  lines.reconnected();
  EXPECT_EQ(lines.feed(std::string(kSecond) + kPrompt + "yes!\n" + kTwin + kOther), "!\ntwin\nweb-1-r42-1 | other\n");
  // Another console spoke meanwhile.
  lines.feed("web-0-r42-1 | 2026-11-22T10:00:03.000Z half");
  lines.reconnected();
  EXPECT_EQ(
      lines.feed("web-1-r42-1 | 2026-11-22T10:00:03.000Z more\nweb-0-r42-1 | 2026-11-22T10:00:03.000Z half whole\n"),
      "\nweb-1-r42-1 | more\nweb-0-r42-1 |  whole\n");
}

TEST(LogLines, NothingIsLostOrDoubledWhereverTheStreamBreaks) {
  const std::string text = std::string(kFirst) + kSecond + kTwin + kPrompt + "yes\n" + kThird +
                           "web-0-r42-1 | 2026-11-22T10:00:09.000Z \nweb-0-r42-1 | 2026-11-22T10:00:09.000Z last\n";
  for (std::size_t first = 0; first <= text.size(); ++first)
    for (std::size_t second = 0; second <= text.size(); second += 3) {
      LogLines lines({});
      std::string shown;
      for (const std::size_t until : {first, second, text.size()}) {
        // A new stream begins with the lines of `resume_since`, here all of them.
        shown += lines.feed(text.substr(0, until));
        lines.reconnected();
      }
      shown += lines.finish();
      EXPECT_EQ(shown, "one\ntwo\ntwin\nname? yes\nthree\n\nlast\n") << first << ", " << second;
    }
}

}  // namespace
}  // namespace unik::cli
