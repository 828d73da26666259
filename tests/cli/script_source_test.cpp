// A lone script becomes a source that a pack takes.
#include "cli/script_source.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;

class ScriptSources : public testing::Test {
 protected:
  fs::path script(const std::string& name, const std::string& text) {
    std::ofstream(controller.directory() / name) << text;
    return controller.directory() / name;
  }
  static std::string slurp(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  SimulatedController controller;
};

TEST_F(ScriptSources, AreToldByTheirEnding) {
  EXPECT_EQ(script_language("a/analyze.py"), "python");
  for (const char* name : {"a.js", "a.mjs", "a.cjs"}) EXPECT_EQ(script_language(name), "nodejs") << name;
  EXPECT_EQ(script_language("a.jar"), "java");
  for (const char* name : {"a.sh", "a", "py", ".py", "a.py.txt"}) EXPECT_FALSE(script_language(name)) << name;
}

TEST_F(ScriptSources, HoldTheScriptAloneEachTimeAnew) {
  const fs::path home = controller.directory() / "home";
  auto first = lay_out_script(home, script("analyze.py", "print(1)\n"));
  ASSERT_TRUE(first.ok()) << to_string(first.error());
  EXPECT_EQ(first->recipe.run_command, (std::vector<std::string>{"python3", "analyze.py"}));
  fs::create_directories(first->directory / ".unikctl" / "cache");
  std::ofstream(first->directory / "stray.py") << "left by somebody";
  first->lock = {};
  const auto second = lay_out_script(home, script("analyze.py", "print(2)\n"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->directory, first->directory);
  EXPECT_EQ(slurp(second->directory / "analyze.py"), "print(2)\n");
  EXPECT_FALSE(fs::exists(second->directory / "stray.py"));
  EXPECT_TRUE(fs::exists(second->directory / ".unikctl" / "cache"));
  const auto tool = lay_out_script(home, script("tool.mjs", "export {}\n"));
  ASSERT_TRUE(tool.ok());
  EXPECT_NE(tool->directory, first->directory);
  EXPECT_TRUE(fs::exists(tool->directory / "main.mjs"));
  const auto jar = lay_out_script(home, script("tool.jar", "PK"));
  ASSERT_TRUE(jar.ok());
  EXPECT_EQ(jar->recipe.run_command, (std::vector<std::string>{"java", "-jar", "tool.jar"}));
}

TEST_F(ScriptSources, WhatBringsEverythingTakesNoRuntime) {
  const RunResult run = run_unikctl(controller, {"deploy", "/usr/bin/env", "--runtime", "python", "--dry-run"});
  EXPECT_EQ(run.code, 2);
  EXPECT_NE(run.err.find("/usr/bin/env brings all that it runs on"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace unik::cli
