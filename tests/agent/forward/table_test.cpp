#include "agent/forward/table.hpp"

#include <gtest/gtest.h>

namespace unik::agent {
namespace {

ForwardMessage full_message(ForwardKind kind) {
  const ForwardTable table{7, "::1", {{"t/a/http", 8080, {{"127.1.2.3", 80}, {"127.1.2.4", 80}}}, {"t/b/x", 0, {}}}};
  ForwardMessage message{.kind = kind};
  switch (kind) {
    case ForwardKind::kHello:
      message.build = "1.2.3";
      break;
    case ForwardKind::kTable:
      message.table = table;
      break;
    case ForwardKind::kState:
      message.state = {7, {{"t/a/http", 8080, ""}, {"t/b/x", 0, "in use"}}, {{"127.1.2.5", 80}}};
      break;
    case ForwardKind::kListeners:
      message.table = table;
      message.listeners = {"t/a/http"};
      message.connections = {"t/b/x", "t/b/x"};
      message.last = false;
      break;
    case ForwardKind::kHandover:
    case ForwardKind::kTaken:
      break;
  }
  return message;
}

TEST(ForwardTable, SurvivesItsJson) {
  for (const ForwardKind kind : {ForwardKind::kHello, ForwardKind::kTable, ForwardKind::kState, ForwardKind::kHandover,
                                 ForwardKind::kListeners, ForwardKind::kTaken}) {
    const ForwardMessage message = full_message(kind);
    const Result<ForwardMessage> read = parse_forward_message(encode_forward_message(message));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, message);
  }
}

TEST(ForwardTable, IgnoresWhatItDoesNotKnow) {
  const Result<ForwardMessage> read = parse_forward_message(
      R"({"kind":"table","new":1,"table":{"version":1,"bind_address":"127.0.0.1","tls":{},"routes":[
          {"key":"k","host_port":1,"weight":2,"backends":[{"address":"127.0.0.2","port":3,"zone":"a"}]}]}})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->table.routes, (std::vector<ForwardRoute>{{"k", 1, {{"127.0.0.2", 3}}}}));
}

TEST(ForwardTable, RefusesWhatIsNoMessage) {
  for (
      const char* text :
      {"", "{", "[]", "7", "{}", R"({"kind":"wish"})", R"({"kind":"table"})",
       R"({"kind":"table","table":{"version":-1,"bind_address":"","routes":[]}})",
       R"({"kind":"table","table":{"version":1,"bind_address":"","routes":[{"key":"k","host_port":65536,"backends":[]}]}})",
       R"({"kind":"state","state":{"version":1,"routes":{},"leaving":[]}})",
       R"({"kind":"state","state":{"version":1,"routes":[],"leaving":[{"address":"127.0.0.1"}]}})",
       R"({"kind":"hello","build":null})"})
    EXPECT_FALSE(parse_forward_message(text).ok()) << text;
}

}  // namespace
}  // namespace unik::agent
