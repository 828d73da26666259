#include "wire/log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "wire_fixture.hpp"

namespace unik::wire {
namespace {

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { EXPECT_TRUE(setup_log({}).ok()); }
  TempDir dir_;
};

// The time in front has a fixed width.
std::string without_time(const std::string& line) {
  return line.size() > 25 ? line.substr(25) : line;
}

TEST_F(LogTest, WritesOneLineOfTextARecord) {
  ASSERT_TRUE(setup_log({LogLevel::kInfo, LogFormat::kText, dir_ / "log"}).ok());
  log(LogLevel::kWarning, "http", "slow\nclient", {{"path", "/v1/x y"}, {"status", 503}, {"api_token", "abc"}},
      std::string(32, 'a'));
  log(LogLevel::kDebug, "http", "hidden");
  const std::string text = contents(dir_ / "log");
  EXPECT_EQ(without_time(text), "warning http: slow\\nclient path=\"/v1/x y\" status=503 api_token=*** trace_id=" +
                                    std::string(32, 'a') + "\n");
  EXPECT_EQ(text[24], ' ');
  EXPECT_EQ(text[23], 'Z');
}

TEST_F(LogTest, WritesJson) {
  ASSERT_TRUE(setup_log({LogLevel::kDebug, LogFormat::kJson, dir_ / "log"}).ok());
  EXPECT_TRUE(log_enabled(LogLevel::kDebug));
  log(LogLevel::kDebug, "loop", "a \"turn\"", {{"Authorization", "Bearer x"}, {"n", 7u}});
  const std::string text = contents(dir_ / "log");
  EXPECT_EQ(text.substr(text.find("\"level\"")),
            "\"level\":\"debug\",\"component\":\"loop\",\"message\":\"a \\\"turn\\\"\",\"Authorization\":\"***\","
            "\"n\":\"7\"}\n");
}

TEST_F(LogTest, SaysWhyAFileCannotBeOpenedAndKeepsTheOldLog) {
  ASSERT_TRUE(setup_log({LogLevel::kInfo, LogFormat::kText, dir_ / "log"}).ok());
  const Result<void> failed = setup_log({LogLevel::kError, LogFormat::kText, dir_ / "missing/log"});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().reason, "log_file");
  log(LogLevel::kInfo, "main", "still here");
  EXPECT_NE(contents(dir_ / "log").find("still here"), std::string::npos);
}

TEST_F(LogTest, RotatesAtItsBound) {
  ASSERT_TRUE(setup_log({LogLevel::kInfo, LogFormat::kText, dir_ / "log", Bytes{2000}}).ok());
  for (int i = 0; i < 200; ++i) log(LogLevel::kInfo, "main", std::string(100, 'x'));
  std::uintmax_t total = 0;
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "")) {
    names.insert(file.path().filename());
    total += file.file_size();
  }
  EXPECT_EQ(names.size(), 4u);
  EXPECT_LE(total, 4u * 2200u);
}

TEST(LogNames, ParseAndRefuse) {
  EXPECT_EQ(*parse_log_level("warning"), LogLevel::kWarning);
  EXPECT_EQ(parse_log_level("loud").error().reason, "bad_log_level");
  EXPECT_EQ(*parse_log_format("json"), LogFormat::kJson);
  EXPECT_EQ(parse_log_format("xml").error().reason, "bad_log_format");
}

TEST(TraceId, IsFreshAndValid) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_trace_id();
    EXPECT_TRUE(is_trace_id(id)) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_FALSE(is_trace_id(std::string(32, '0')));
  EXPECT_FALSE(is_trace_id(std::string(32, 'A')));
  EXPECT_FALSE(is_trace_id(std::string(31, 'a')));
}

}  // namespace
}  // namespace unik::wire
