// The logs of builds behind a real server, whose readers are raw connections.
#include "controller/builds/build_logs.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/api-schemas/wire/wire_fixture.hpp"

namespace unik::controller {
namespace {

using wire::RawClient;

class BuildLogsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    wire::ServerOptions options;
    options.listen.push_back({*wire::parse_endpoint("unix://" + (directory_ / "s")), true});
    auto server = wire::HttpServer::start(
        std::move(options), [this](const wire::HttpRequest& request, const wire::Responder& responder) {
          // /OPERATION/OFFSET, followed where it is asked for by POST
          const std::size_t slash = request.path.find('/', 1);
          logs_.send(request.path.substr(1, slash - 1), std::stoull(request.path.substr(slash + 1)),
                     request.method == "POST", responder);
        });
    ASSERT_TRUE(server) << to_string(server.error());
    server_.emplace(std::move(*server));
  }
  void TearDown() override {
    if (server_) server_->stop(Duration::zero());
  }

  RawClient ask(const std::string& request) {
    RawClient reader(server_->endpoints().front());
    reader.say(request + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return reader;
  }

  wire::TempDir directory_;
  BuildLogs logs_{directory_ / "builds"};
  std::optional<wire::HttpServer> server_;
};

TEST_F(BuildLogsTest, AreReadFromTheByteThatIsAskedFor) {
  ASSERT_TRUE(logs_.begin("op-2-0", 1));
  logs_.add("one\ntwo\n");
  const std::string all = ask("GET /op-2-0/0").hear_until("0\r\n\r\n");
  EXPECT_NE(all.find("one\ntwo\n"), std::string::npos) << all;
  const std::string rest = ask("GET /op-2-0/4").hear_until("0\r\n\r\n");
  EXPECT_EQ(rest.find("one"), std::string::npos) << rest;
  EXPECT_NE(rest.find("two\n"), std::string::npos) << rest;
}

TEST_F(BuildLogsTest, AreFollowedFromBeforeTheBuildBeginsToItsEnd) {
  RawClient reader = ask("POST /op-2-0/0");
  reader.hear_until("\r\n\r\n");
  ASSERT_TRUE(logs_.begin("op-2-0", 1));
  logs_.add("compiling\n");
  reader.hear_until("compiling\n");
  logs_.add("linking\n");
  reader.hear_until("linking\n");
  logs_.ended("op-2-0");
  EXPECT_NE(reader.hear_until("0\r\n\r\n").find("0\r\n\r\n"), std::string::npos);
}

TEST_F(BuildLogsTest, OfABuildThatNeverBeganAreNotFound) {
  const std::string answer = ask("GET /op-9-0/0").hear_until("no_build_log");
  EXPECT_NE(answer.find("404"), std::string::npos) << answer;
}

TEST_F(BuildLogsTest, GoOnInTheSameFileWithALaterAttempt) {
  ASSERT_TRUE(logs_.begin("op-2-0", 1));
  logs_.add("first\n");
  BuildLogs again(directory_ / "builds");
  ASSERT_TRUE(again.begin("op-2-0", 2));
  again.add("second\n");
  const std::string all = ask("GET /op-2-0/0").hear_until("0\r\n\r\n");
  EXPECT_NE(all.find("first\n[attempt 2: the controller was restarted]\nsecond\n"), std::string::npos) << all;
}

TEST_F(BuildLogsTest, TellTheLastLinesForAnError) {
  ASSERT_TRUE(logs_.begin("op-2-0", 1));
  EXPECT_EQ(logs_.tail(), "");
  for (int line = 1; line <= 40; ++line) logs_.add("line " + std::to_string(line) + "\n");
  const std::string tail = logs_.tail();
  EXPECT_TRUE(tail.starts_with("line 26\n")) << tail;
  EXPECT_TRUE(tail.ends_with("line 40\n")) << tail;
}

TEST_F(BuildLogsTest, AreBoundedInSizeAndNumber) {
  ASSERT_TRUE(logs_.begin("op-2-0", 1));
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) logs_.add(piece);
  const std::filesystem::path file = directory_ / "builds/op-2-0.log";
  EXPECT_LE(std::filesystem::file_size(file), static_cast<std::uintmax_t>(kMaxBuildLogBytes.value));
  for (std::size_t i = 0; i < kMaxBuildLogs + 5; ++i)
    ASSERT_TRUE(logs_.begin("op-" + std::to_string(100 + i) + "-0", 1));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(file.parent_path())) ++files;
  EXPECT_EQ(files, kMaxBuildLogs);
}

}  // namespace
}  // namespace unik::controller
