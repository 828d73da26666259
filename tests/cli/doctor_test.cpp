// What `doctor` finds of the home and the configuration. The test may run as root, whom no permission stops: so the
// home that cannot be written is one that is a file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "cli/local.hpp"
#include "cli/program.hpp"
#include "tests/cli/simulated_controller.hpp"

namespace unik::cli {
namespace {

TEST(Home, IsWhereTheLocalControlPlaneMayWrite) {
  const SimulatedController controller;
  const auto home = [&](const std::string& path) {
    return check_home({{{"UNIKCTL_HOME", (controller.directory() / path).string()}}, controller.directory(), {}});
  };
  EXPECT_TRUE(home("not/there/yet"));
  std::ofstream(controller.directory() / "file") << "x";
  const auto file = home("file/below");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().reason, "no_home");
  EXPECT_NE(file.error().message.find("set UNIKCTL_HOME"), std::string::npos);
  // A home whose parts somebody else made.
  std::filesystem::create_directories(controller.directory() / "home");
  std::ofstream(controller.directory() / "home/log") << "x";
  EXPECT_FALSE(home("home"));
}

// The test may run as one who cannot give a directory away.
TEST(Home, IsNotThatOfAnotherUser) {
  const SimulatedController controller;
  const auto theirs = controller.directory() / "theirs";
  std::filesystem::create_directories(theirs);
  constexpr uid_t kSomebody = 12345;
  if (::chown(theirs.c_str(), kSomebody, kSomebody) != 0) GTEST_SKIP() << "want to be root to give a directory away";
  const auto checked = check_home({{{"UNIKCTL_HOME", theirs.string()}}, controller.directory(), {}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().reason, "no_home");
  EXPECT_NE(checked.error().message.find("it belongs to user 12345"), std::string::npos) << checked.error().message;
}

TEST(Doctor, FindsABadHomeAndABadConfigAndChecksTheRest) {
  const SimulatedController controller;
  std::ofstream(controller.directory() / "home") << "x";
  std::filesystem::create_directories(controller.directory() / ".config/unikctl");
  std::ofstream(controller.directory() / ".config/unikctl/config.yaml") << "contexts:\n  a: {ulr: x}\n";
  const RunResult run = run_unikctl(controller, {"doctor"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("fail  home: cannot write into"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("fail  config: "), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("config.yaml:2:12: contexts.a.ulr: unknown field"), std::string::npos) << run.out;
  for (const char* check : {"programs", "qemu", "disk", "control_plane"})
    EXPECT_NE(run.out.find(std::string(" ") + check + ": "), std::string::npos) << check;
}

TEST(Doctor, WarnsOfAHomeThatOthersMayLookInto) {
  const SimulatedController controller;
  const auto home = controller.directory() / "home";
  std::filesystem::create_directories(home);
  std::filesystem::permissions(home, std::filesystem::perms(0755));
  RunResult run = run_unikctl(controller, {"doctor"});
  EXPECT_NE(run.out.find("warn  home: "), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("chmod 700 " + home.string()), std::string::npos) << run.out;
  std::filesystem::permissions(home, std::filesystem::perms(0700));
  run = run_unikctl(controller, {"doctor"});
  EXPECT_NE(run.out.find("ok    home: "), std::string::npos) << run.out;
}

TEST(Doctor, NamesItsChecks) {
  const SimulatedController controller;
  const RunResult run = run_unikctl(controller, {"doctor", "-o", "name"});
  for (const char* check : {"programs", "home", "config"})
    EXPECT_NE(("\n" + run.out).find("\n" + std::string(check) + "\n"), std::string::npos) << run.out;
}

}  // namespace
}  // namespace unik::cli
