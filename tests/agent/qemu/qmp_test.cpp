#include "agent/qemu/qmp.hpp"

#include <gtest/gtest.h>

namespace unik::agent {
namespace {

TEST(Qmp, EachKindOfMessageIsRead) {
  EXPECT_EQ(*parse_qmp_line(R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""},
      "capabilities": ["oob"]}})"),
            QmpMessage(QmpGreeting{"7.2.22"}));
  EXPECT_EQ(*parse_qmp_line(R"({"return": {}, "id": "capabilities"})"), QmpMessage(QmpReturn{"capabilities", "", ""}));
  EXPECT_EQ(*parse_qmp_line(R"({"return": {"running": false, "status": "internal-error"}, "id": "status"})"),
            QmpMessage(QmpReturn{"status", "internal-error", ""}));
  EXPECT_EQ(*parse_qmp_line(R"({"return": "a\r\nb\r\n", "id": "usernet"})"),
            QmpMessage(QmpReturn{"usernet", "", "a\r\nb\r\n"}));
  EXPECT_EQ(*parse_qmp_line(R"({"id": "quit", "error": {"class": "CommandNotFound", "desc": "no"}})"),
            QmpMessage(QmpFailure{"quit", "no"}));
  EXPECT_EQ(*parse_qmp_line(R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN",
      "data": {"guest": true, "reason": "guest-reset"}})"),
            QmpMessage(QmpEvent{"SHUTDOWN", "guest-reset", true}));
}

TEST(Qmp, WhatIsNoneIsRefused) {
  for (const char* line : {"", "[]", "{}", "7", "{\"QMP\": 1}", "{\"return\"", "nonsense", "{\"error\": \"text\"}"})
    EXPECT_EQ(parse_qmp_line(line).error().reason, "bad_qmp") << line;
}

TEST(Qmp, ASessionTakesAnyPieces) {
  const std::string text = "{\"return\": {}, \"id\": \"a\"}\r\n{\"event\": \"STOP\"}\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    QmpSession session;
    std::vector<QmpMessage> all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const auto messages = session.feed(std::string_view(text).substr(at, piece));
      ASSERT_TRUE(messages.ok());
      all.insert(all.end(), messages->begin(), messages->end());
    }
    EXPECT_EQ(all, (std::vector<QmpMessage>{QmpReturn{"a", "", ""}, QmpEvent{"STOP", "", false}}));
  }
}

TEST(Qmp, ALineWithoutEndIsRefused) {
  QmpSession session;
  const std::string chunk(16 * 1024, ' ');
  bool refused = false;
  for (std::size_t sent = 0; sent <= kMaxQmpLine && !refused; sent += chunk.size()) refused = !session.feed(chunk).ok();
  EXPECT_TRUE(refused);
}

TEST(Qmp, ACommandIsOneLine) {
  EXPECT_EQ(qmp_command("quit", "q"), "{\"execute\":\"quit\",\"id\":\"q\"}\n");
}

}  // namespace
}  // namespace unik::agent
