// The verbs of `runtime` that need neither packages nor a VM, and what config.yaml says of runtimes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/runtime_settings.hpp"
#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RuntimeVerbs : public testing::Test {
 protected:
  RunResult unikctl(const std::vector<std::string>& args) { return run_unikctl(controller, args); }
  // Where an installation keeps the sources that came with it.
  fs::path sources() const { return controller.directory() / "share/unikctl/runtimes"; }

  void source(const fs::path& top, const std::string& name, const std::string& version = "1.0.0",
              const std::string& lock = "{}") {
    fs::create_directories(top / name);
    std::ofstream(top / name / "manifest.yaml")
        << "name: " << name << "\nversion: " << version
        << "\ndescription: made by a test\nplatforms: [linux/amd64]\nprovides: {" << name << ": \"3\"}\n";
    std::ofstream(top / name / "unik.yaml") << "keep: [usr]\nenvironment: {A: b}\n";
    std::ofstream(top / name / "versions.lock") << lock;
  }

  SimulatedController controller;
};

TEST_F(RuntimeVerbs, ListAndInfoShowSources) {
  EXPECT_EQ(unikctl({"runtime", "list", "-o", "json"}).out, "{\n  \"items\": []\n}\n");
  source(sources(), "lang");
  source(sources(), "other", "2.0.0");
  EXPECT_EQ(unikctl({"runtime", "list"}).out,
            "NAME    VERSION   STATE    PROVIDES   SIZE   DIGEST\n"
            "lang    1.0.0     source   lang 3     -      -\n"
            "other   2.0.0     source   other 3    -      -\n");
  EXPECT_EQ(unikctl({"runtime", "list", "-o", "name"}).out, "lang@1.0.0\nother@2.0.0\n");
  const auto info = unikctl({"runtime", "info", "lang@1.0.0"});
  EXPECT_EQ(info.code, 0);
  for (const char* part : {"state         source\n", "made by a test\n", "env           A=b\n"})
    EXPECT_THAT(info.out, HasSubstr(part));
  const auto missing = unikctl({"runtime", "info", "lang@3.0.0"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("there is lang@1.0.0, other@2.0.0"));
  EXPECT_EQ(unikctl({"runtime", "info", "Lang"}).code, 2);
}

TEST_F(RuntimeVerbs, ValidateTellsEveryFaultOfEverySource) {
  source(sources(), "good");
  source(sources(), "one", "1.0");
  source(sources(), "two", "1.0.0", R"({"debian": [{"name": "libc6"}]})");
  const auto result = unikctl({"runtime", "validate"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, HasSubstr("good@1.0.0 is valid\n"));
  for (const char* part : {"one/manifest.yaml:2:10: version: want text, got a number",
                           "two/versions.lock:1:13: debian[0].sha256: is missing"})
    EXPECT_THAT(result.err, HasSubstr(part));
  EXPECT_EQ(unikctl({"runtime", "validate", (sources() / "good").string()}).code, 0);
  EXPECT_EQ(unikctl({"runtime", "validate", (sources() / "gone").string()}).code, 2);
}

TEST_F(RuntimeVerbs, ValidateWarnsOfADirectoryOfAnotherName) {
  source(sources(), "lang");
  fs::rename(sources() / "lang", sources() / "tongue");
  const auto result = unikctl({"runtime", "validate"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("named `tongue` and the runtime `lang`"));
}

TEST_F(RuntimeVerbs, NewWritesASourceThatWantsItsLockAlone) {
  const auto written = unikctl({"runtime", "new", "mine-1.2"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(written.out, (controller.directory() / "mine-1.2").string() + "\n");
  const auto unlocked = unikctl({"runtime", "validate", "mine-1.2"});
  EXPECT_EQ(unlocked.code, 2);
  EXPECT_THAT(unlocked.err, HasSubstr("want sources of runtimes without faults, found 1"));
  EXPECT_THAT(unlocked.err, HasSubstr("versions.lock: want this file"));
  EXPECT_EQ(unikctl({"runtime", "new", "mine-1.2"}).code, 4) << "nothing is overwritten";
  for (const char* name : {"Mine", "mine@1.0.0", "team/mine"}) EXPECT_EQ(unikctl({"runtime", "new", name}).code, 2);
}

TEST_F(RuntimeVerbs, BuildSaysWhereASourceWasLookedFor) {
  source(sources(), "lang");
  const auto result = unikctl({"runtime", "build", "cobol", "--source", "elsewhere"});
  EXPECT_EQ(result.code, 3);
  for (const std::string& part : {(controller.directory() / "elsewhere").string(), (sources() / "cobol").string()})
    EXPECT_THAT(result.err, HasSubstr(part));
}

TEST_F(RuntimeVerbs, BuildTellsTheFaultsOfTheSourceThatItIsGiven) {
  ASSERT_EQ(unikctl({"runtime", "new", "mine"}).code, 0);
  std::ofstream(controller.directory() / "mine/versions.lock") << "{}";
  const auto built = unikctl({"runtime", "build", "mine", "--source", "mine"});
  EXPECT_EQ(built.code, 2);
  EXPECT_THAT(built.err, HasSubstr("versions.lock: want a pin of Debian's"));
}

TEST_F(RuntimeVerbs, BuildTakesNamesAndNoPaths) {
  for (const char* name : {"../../etc", "example.com/team/lang", "lang@1.0.0", "/etc"}) {
    const auto result = unikctl({"runtime", "build", name});
    EXPECT_EQ(result.code, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("runtime")) << name;
  }
}

TEST(RuntimeSettings, AreReadBesideTheContexts) {
  const auto settings = parse_runtime_settings(
      "contexts: {a: {url: \"http://x\"}}\nruntimes:\n  namespace: reg.example:5000/team/runtimes\n"
      "  mirrors: [\"https://m.example/debian\", \"file:///srv/packages\"]\n",
      "config.yaml");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->space, "reg.example:5000/team/runtimes");
  EXPECT_EQ(settings->mirrors, (std::vector<std::string>{"https://m.example/debian", "file:///srv/packages"}));
  EXPECT_EQ(*parse_runtime_settings("current: a\n", "config.yaml"), RuntimeSettings{});
}

TEST(RuntimeSettings, TellEveryFault) {
  const auto settings = parse_runtime_settings(
      "runtimes:\n  namespace: Team/Runtimes\n  mirrors: [\"ftp://m.example\"]\n  mirror: x\n", "config.yaml");
  ASSERT_FALSE(settings.ok());
  const std::string text = to_string(settings.error());
  for (const char* part : {"config.yaml:2:14: runtimes.namespace: want HOST",
                           "config.yaml:3:13: runtimes.mirrors: want a URL", "runtimes.mirror: unknown field"})
    EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace unik::cli
