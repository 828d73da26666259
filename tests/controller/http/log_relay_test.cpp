// A relay behind a real server: readers and pushes are raw connections, and the test says what the loop would.

#include "controller/http/log_relay.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/api-schemas/wire/wire_fixture.hpp"

namespace unik::controller {
namespace {

using wire::Box;
using wire::RawClient;

class LogRelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    wire::ServerOptions options;
    options.listen.push_back({*wire::parse_endpoint("unix://" + (directory_ / "s")), true});
    options.body_policy = [](std::string_view method, std::string_view) {
      return wire::BodyPolicy{method == "POST", UINT64_MAX};
    };
    auto server = wire::HttpServer::start(std::move(options),
                                          [this](const wire::HttpRequest& request, const wire::Responder& responder) {
                                            if (request.method == "POST")
                                              return relay_.push(request.path.substr(1), *request.stream, responder);
                                            relay_.open(LogsAsked{}, request.path == "/prefixed", responder);
                                          });
    ASSERT_TRUE(server) << to_string(server.error());
    server_.emplace(std::move(*server));
  }
  void TearDown() override {
    if (server_) server_->stop(Duration::zero());
  }

  // A reader of these consoles, whose streams are named `s0`, `s1`, …
  RawClient read(const std::vector<std::string>& instances, bool prefix = true) {
    asked_.emplace();
    RawClient reader(server_->endpoints().front());
    reader.say(std::string("GET ") + (prefix ? "/prefixed" : "/plain") + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::uint64_t session = *asked_->wait();
    for (std::size_t i = 0; i < instances.size(); ++i) relay_.expect({session, "s" + std::to_string(i), instances[i]});
    reader.hear_until("\r\n\r\n");
    return reader;
  }
  RawClient push(const std::string& stream) {
    RawClient node(server_->endpoints().front());
    node.say("POST /" + stream + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    return node;
  }
  static void send(RawClient& node, std::string_view bytes) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    EXPECT_TRUE(node.say(size + std::string(bytes) + "\r\n"));
  }
  // Chunks as they were written, joined, up to and with `mark`; or to the end. `\r\n` stands in no console here.
  static std::string hear_text(RawClient& reader, std::string_view mark) {
    std::string text;
    while (text.find(mark) == std::string::npos) {
      const std::size_t size = std::strtoull(reader.hear_until("\r\n").c_str(), nullptr, 16);
      if (size == 0) return text + "(end)";
      text += reader.hear(size);
      reader.hear(2);
    }
    return text;
  }

  wire::TempDir directory_;
  std::optional<Box<std::uint64_t>> asked_;
  Box<std::uint64_t> left_;
  LogRelay relay_{[this](const Event& event) {
    if (const auto* const asked = std::get_if<LogsAsked>(&event)) asked_->put(asked->session);
    if (const auto* const closed = std::get_if<LogsClosed>(&event)) left_.put(closed->session);
  }};
  std::optional<wire::HttpServer> server_;
};

TEST_F(LogRelayTest, WhatStandsInAConsoleAloneIsSeenBeforeItsLineEnds) {
  RawClient reader = read({"web-0"});
  RawClient node = push("s0");
  send(node, "one\nname? ");
  EXPECT_EQ(hear_text(reader, "? "), "web-0 | one\nweb-0 | name? ");
  send(node, "yes");
  EXPECT_EQ(hear_text(reader, "yes"), "yes");
  send(node, "\nlast");
  node.say("0\r\n\r\n");
  EXPECT_EQ(hear_text(reader, "last\n"), "\nweb-0 | last\n");
}

TEST_F(LogRelayTest, LinesOfSeveralConsolesDoNotMix) {
  RawClient reader = read({"web-0", "web-1"});
  RawClient first = push("s0");
  RawClient second = push("s1");
  send(first, "ha");
  send(second, "other\n");
  EXPECT_EQ(hear_text(reader, "\n"), "web-1 | other\n");
  send(first, "lf\n");
  EXPECT_EQ(hear_text(reader, "\n"), "web-0 | half\n");
}

TEST_F(LogRelayTest, OfALineWithoutAnEndNoMoreIsKeptThanAPiece) {
  RawClient reader = read({"web-0", "web-1"});
  RawClient first = push("s0");
  RawClient second = push("s1");
  const std::string piece(kMaxHeldLine + 1, 'x');
  send(first, piece);
  EXPECT_EQ(hear_text(reader, piece), "web-0 | " + piece);
  send(second, "other\n");
  EXPECT_EQ(hear_text(reader, "other\n"), "\nweb-1 | other\n");
  send(first, "y\n");
  EXPECT_EQ(hear_text(reader, "y\n"), "web-0 |> y\n");
}

TEST_F(LogRelayTest, ALineOfManyMegabytesPassesWhole) {
  RawClient reader = read({"web-0"});
  RawClient node = push("s0");
  const std::string megabyte(1 << 20, 'z');
  std::thread guest([&] {
    for (int i = 0; i < 16; ++i) send(node, megabyte);
    send(node, "\n");
  });
  const std::string text = hear_text(reader, "\n");
  guest.join();
  EXPECT_EQ(text.size(), std::string("web-0 | \n").size() + 16 * megabyte.size());
}

TEST_F(LogRelayTest, APushThatBreaksOffCutsTheReader) {
  for (const bool prefix : {true, false}) {
    RawClient reader = read({"web-0", "web-1"}, prefix);
    RawClient whole = push("s1");
    RawClient node = push("s0");
    send(node, "one\ntw");
    hear_text(reader, "one\n");
    node.end();
    const std::string rest = reader.hear_all();
    EXPECT_EQ(rest.find("0\r\n\r\n"), std::string::npos) << "not whole: " << rest;
    EXPECT_TRUE(left_.wait().has_value());
  }
}

TEST_F(LogRelayTest, EndsWithTheLastOfItsConsoles) {
  RawClient reader = read({"web-0", "web-1"});
  const std::uint64_t session = *asked_->wait();
  RawClient first = push("s0");
  send(first, "one\n");
  first.say("0\r\n\r\n");
  EXPECT_EQ(hear_text(reader, "one\n"), "web-0 | one\n");
  relay_.end({session, std::nullopt});
  relay_.give_up({session, "s1", unavailable("node_silent", "node `n1` is silent"), false});
  EXPECT_EQ(hear_text(reader, "\n"), "unikctl: node `n1` is silent\n") << "it may come yet";
  RawClient second = push("s1");
  send(second, "two\n");
  second.say("0\r\n\r\n");
  EXPECT_EQ(hear_text(reader, "(never)"), "web-1 | two\n(end)");
}

}  // namespace
}  // namespace unik::controller
