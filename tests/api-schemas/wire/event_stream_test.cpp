#include "wire/event_stream.hpp"

#include <gtest/gtest.h>

namespace unik::wire {
namespace {

std::vector<StreamEvent> read_in_pieces(std::string_view text, std::size_t piece) {
  EventParser parser;
  std::vector<StreamEvent> all;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    Result<std::vector<StreamEvent>> some = parser.feed(text.substr(at, piece));
    EXPECT_TRUE(some.ok());
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

TEST(EventStream, ReadsBackWhatItWritesInPiecesOfAnySize) {
  const std::vector<StreamEvent> events = {
      {"1", "placed", "one line"}, {"2", "", "two\nlines\n\nand a gap"}, {"3", "x", ""}, {"4", "x", " leading: colon"}};
  std::string text;
  for (const StreamEvent& event : events) text += format_event(event) + ": a comment\n\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(read_in_pieces(text, piece), events) << piece;
}

TEST(EventStream, NeverLetsAValueBeginALineOfItsOwn) {
  EXPECT_EQ(format_event({"1\ndata: x", "a\r\nb", "c\rd\r\ne"}),
            "id: 1 data: x\nevent: a  b\ndata: c\ndata: d\ndata: e\n\n");
}

TEST(EventStream, UnderstandsWhatOthersWrite) {
  const std::string text =
      "\xEF\xBB\xBF: hello\r\nid:7\r\ndata:a\rdata: b\r\rretry: 5\nevent\ndata\n\nid: 8\n\ndata: last\n\n";
  EventParser parser;
  const Result<std::vector<StreamEvent>> events = parser.feed(text);
  ASSERT_TRUE(events.ok());
  const std::vector<StreamEvent> want = {{"7", "", "a\nb"}, {"7", "", ""}, {"8", "", "last"}};
  EXPECT_EQ(*events, want);
  EXPECT_EQ(parser.last_id(), "8");
}

TEST(EventStream, BoundsLinesAndEvents) {
  EventParser lines;
  EXPECT_TRUE(lines.feed(std::string(EventParser::kMaxLineBytes, 'x')).ok());
  const auto too_long = lines.feed("x");
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().reason, "event_too_large");
  EXPECT_FALSE(lines.feed("\n\ndata: y\n\n").ok());

  EventParser events;
  const std::string line = "data: " + std::string(EventParser::kMaxLineBytes - 6, 'x') + "\n";
  bool failed = false;
  for (int i = 0; i < 5 && !failed; ++i) failed = !events.feed(line).ok();
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace unik::wire
