#include "wire/daemon_arguments.hpp"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace unik::wire {
namespace {

struct Parsed {
  std::optional<int> code;
  std::string err;
};

Parsed parse(std::vector<const char*> words) {
  CLI::App app("a daemon");
  std::string state;
  app.add_subcommand("run")->add_option("--state", state)->required();
  app.require_subcommand(1);
  words.insert(words.begin(), "/usr/bin/unik-daemon");
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  Parsed parsed{parse_arguments(app, static_cast<int>(words.size()), words.data()), ""};
  testing::internal::GetCapturedStdout();
  parsed.err = testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(DaemonArguments, WhatIsWrongIsInvalidAndSaysWhatToDo) {
  for (const std::vector<const char*>& words :
       std::vector<std::vector<const char*>>{{}, {"run"}, {"run", "--bogus"}, {"bogus"}}) {
    const Parsed parsed = parse(words);
    EXPECT_EQ(parsed.code, 2);
    EXPECT_TRUE(parsed.err.starts_with("error: invalid: ")) << parsed.err;
    EXPECT_NE(parsed.err.find("see unik-daemon --help"), std::string::npos) << parsed.err;
  }
}

TEST(DaemonArguments, WhatIsRightGoesOnAndHelpEndsWell) {
  EXPECT_FALSE(parse({"run", "--state", "x"}).code);
  EXPECT_EQ(parse({"--help"}).code, 0);
}

}  // namespace
}  // namespace unik::wire
