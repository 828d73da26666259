#include "runtimes/lib/pack/source_build.hpp"

#include <chrono>
#include <thread>

#include "runtimes/lib/pack/own_directory.hpp"
#include "runtimes/lib/pack/run_program.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"

namespace unik::runtimes {
namespace {

class SourceBuildTest : public LibTest {
 protected:
  void SetUp() override {
    LibTest::SetUp();
    source_ = dir_ / "src";
    write_program("one");
    options_.directory = source_;
    options_.recipe.build_command = "echo built >> .unikctl/count && cat main.bin > app";
    options_.recipe.artifact_path = "app";
    options_.recipe.run_command = {"./app", "--port", "8080"};
    options_.base = base();
    options_.environment = build_environment(source_, {});
  }
  // What a compiler would make; the command only copies it.
  void write_program(const std::string& text) {
    ElfDraft draft;
    draft.extra = text;
    write_file(source_ / "main.bin", make_elf(draft));
  }
  Result<SourceBuild> build() { return build_source(store(), options_); }
  std::string reason() {
    const auto built = build();
    return built ? "" : built.error().reason;
  }

  fs::path source_;
  SourceBuildOptions options_;
};

TEST_F(SourceBuildTest, BuildsOnceAndReusesByContent) {
  const auto first = build();
  ASSERT_OK(first);
  EXPECT_FALSE(first->reused);
  EXPECT_EQ(first->image.config.entrypoint, (std::vector<std::string>{"/app/app", "--port", "8080"}));
  EXPECT_EQ(first->image.reference.name, "src");
  fs::last_write_time(source_ / "main.bin", fs::file_time_type::clock::now() + std::chrono::hours(1));
  const auto second = build();
  ASSERT_OK(second);
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->image.reference, first->image.reference);

  write_program("two");
  const auto third = build();
  ASSERT_OK(third);
  EXPECT_FALSE(third->reused);
  EXPECT_NE(third->image.reference, first->image.reference);

  fs::remove(source_ / "app");
  EXPECT_FALSE(build()->reused) << "the artifact has gone";
  write_file(source_ / "app", "tampered");
  EXPECT_FALSE(build()->reused) << "the artifact was changed";
  options_.environment["X"] = "1";
  EXPECT_FALSE(build()->reused) << "the environment was changed";
  options_.rebuild = true;
  EXPECT_FALSE(build()->reused);
  options_.rebuild = false;
  write_file(source_ / ".unikctl" / "native" / "pack-metadata.json", "{damaged");
  EXPECT_FALSE(build()->reused);
  EXPECT_TRUE(build()->reused);
}

TEST_F(SourceBuildTest, TheRecordIsThatOfPacks) {
  const auto built = build();
  ASSERT_OK(built);
  const std::string record = slurp(metadata_path(source_));
  for (const std::string& wanted :
       {std::string("\"layout\": 3"), std::string("\"pack\": \"any\""), std::string("\"detected_by\": \"unik.yaml\""),
        std::string("\"mode\": \"release\""), std::string("\"builder\": {}"), std::string("\"lock\": null"),
        std::string("\"deterministic\": false"), "\"image\": \"" + to_string(built->image.reference) + "\"",
        "\"layer\": \"" + annotation(built->image.manifest.annotations, kBaseAnnotation) + "\"",
        std::string("\"command\": [\n  \"/app/app\",\n  \"--port\",\n  \"8080\"\n ]"),
        std::string("\"commands\": [\n  \"echo built >> .unikctl/count")})
    EXPECT_NE(record.find(wanted), std::string::npos) << wanted << " in " << record;
}

TEST_F(SourceBuildTest, WhatIsMendedAfterTheCommandDoesNotMakeItRunAgain) {
  options_.recipe.run_command = {"./other"};
  EXPECT_EQ(reason(), "bad_run_command");
  options_.recipe.run_command = {"./app"};
  EXPECT_TRUE(build()->reused);
}

TEST_F(SourceBuildTest, FilesThatTheBuildLeavesDoNotMakeItRunAgain) {
  options_.recipe.build_command = "mkdir -p obj && date +%N > obj/stamp && cat main.bin > app";
  ASSERT_OK(build());
  EXPECT_TRUE(build()->reused);
  // But one that edits what was there before cannot be trusted to stand for its result.
  options_.recipe.build_command = "echo more >> main.bin && cat main.bin > app";
  ASSERT_OK(build());
  EXPECT_FALSE(build()->reused);
}

TEST_F(SourceBuildTest, TheEnvironmentIsDeclared) {
  ::setenv("UNIK_TEST_LEAK", "leaked", 1);
  options_.recipe.build_command = "env | sort > .unikctl/seen && cat main.bin > app";
  options_.environment = build_environment(source_, {{"https_proxy", "http://proxy:3128"}, {"SECRET", "no"}});
  ASSERT_OK(build());
  const std::string seen = slurp(source_ / ".unikctl" / "seen");
  EXPECT_EQ(seen.find("LEAK"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("SECRET"), std::string::npos) << seen;
  EXPECT_NE(seen.find("https_proxy=http://proxy:3128"), std::string::npos);
  EXPECT_NE(seen.find("SOURCE_DATE_EPOCH=1704067200"), std::string::npos);
  EXPECT_NE(seen.find("HOME=" + (source_ / ".unikctl/cache/home").string()), std::string::npos);
}

TEST_F(SourceBuildTest, AFailureShowsTheEndOfTheLog) {
  options_.recipe.build_command = "for i in $(seq 1 100); do echo line $i; done; echo broken >&2; exit 3";
  const auto built = build();
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().reason, "build_failed");
  EXPECT_NE(built.error().message.find("got 3"), std::string::npos);
  EXPECT_NE(built.error().message.find("line 100\nbroken"), std::string::npos) << built.error().message;
  EXPECT_EQ(built.error().message.find("line 50\n"), std::string::npos);

  // Who has seen it come is not shown it a second time.
  std::string shown;
  options_.output = [&](std::string_view text) { shown += text; };
  const auto watched = build();
  ASSERT_FALSE(watched.ok());
  EXPECT_NE(shown.find("line 1\n"), std::string::npos);
  EXPECT_EQ(watched.error().message.find("broken\n"), std::string::npos) << watched.error().message;
  EXPECT_NE(watched.error().message.find("got 3; its whole output is in "), std::string::npos);
  EXPECT_EQ(slurp(source_ / ".unikctl" / "native" / "build.log"), shown);
}

// Its files go with the build, and its artifact was not sent with the source.
TEST_F(SourceBuildTest, OfAnOperationNamesNoFileThatGoes) {
  options_.operation = "op-7-0";
  options_.recipe.build_command = "exit 3";
  const auto failed = build();
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("got 3; `unikctl logs operation/op-7-0` shows its whole output"),
            std::string::npos)
      << failed.error().message;
  EXPECT_EQ(failed.error().message.find("build.log"), std::string::npos) << failed.error().message;
  options_.recipe.build_command = "true";
  EXPECT_NE(build().error().message.find("one that is there already is not sent"), std::string::npos);
  options_.operation.clear();
  EXPECT_EQ(build().error().message.find("not sent"), std::string::npos) << "here it is looked for where it lies";
}

TEST_F(SourceBuildTest, ErrorsNameTheFileAndTheField) {
  const std::string command = options_.recipe.build_command;
  options_.recipe.build_command = "";
  EXPECT_EQ(reason(), "no_build_command");
  options_.recipe.build_command = "true";
  EXPECT_EQ(reason(), "no_artifact");
  for (const char* outside : {"../x", "/etc/passwd", "a/../../x", "."}) {
    options_.recipe.artifact_path = outside;
    EXPECT_EQ(reason(), "no_artifact_path") << outside;
  }
  options_.recipe.artifact_path = "";
  EXPECT_EQ(reason(), "no_artifact_path");
  options_.recipe.artifact_path = "app";
  options_.recipe.build_command = "ln -s /etc/passwd app";
  EXPECT_EQ(reason(), "no_artifact_path") << "a link out of the source";
  fs::remove(source_ / "app");
  options_.recipe.build_command = command;
  options_.recipe.run_command = {"python3", "app"};
  EXPECT_EQ(reason(), "bad_run_command");
  options_.recipe.run_command = {};
  EXPECT_EQ(reason(), "");
}

TEST_F(SourceBuildTest, ADirectoryIsLaidBelowApp) {
  options_.recipe.build_command =
      "mkdir -p dist/lib && cat main.bin > dist/server && chmod +x dist/server && echo data > dist/lib/data";
  options_.recipe.artifact_path = "dist";
  options_.recipe.run_command = {};
  EXPECT_EQ(reason(), "no_run_command");
  options_.recipe.run_command = {"server", "-v"};
  const auto built = build();
  ASSERT_OK(built);
  EXPECT_EQ(built->image.config.entrypoint, (std::vector<std::string>{"/app/server", "-v"}));
  options_.recipe.run_command = {"./absent"};
  EXPECT_EQ(reason(), "no_such_program");
}

TEST_F(SourceBuildTest, ALinkDoesNotLeadTheBuildOutOfTheSource) {
  write_file(dir_ / "victim" / "build.log", "kept");
  fs::create_directories(source_ / ".unikctl");
  fs::create_symlink("../../victim", source_ / ".unikctl" / "native");
  EXPECT_EQ(reason(), "unsafe_source");
  EXPECT_EQ(shell("ls " + (dir_ / "victim").string()), "build.log\n");
  EXPECT_EQ(slurp(dir_ / "victim" / "build.log"), "kept");
}

TEST_F(SourceBuildTest, LinksOutOfTheSourceAreRefused) {
  fs::create_symlink("/etc", source_ / "etc");
  const auto built = build();
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().reason, "unsafe_source");
  EXPECT_NE(built.error().message.find((source_ / "etc").string()), std::string::npos);
}

TEST_F(SourceBuildTest, TimeIsBoundedAndNothingStaysBehind) {
  options_.recipe.build_command = "sleep 300 & echo $! > .unikctl/pid; sleep 300";
  options_.time_limit = std::chrono::seconds(3);
  EXPECT_EQ(reason(), "program_timed_out");
  // It was killed before build_source returned; on a busy machine it takes its SIGKILL a little later, and whoever
  // inherits it may not have reaped it yet.
  std::string pid = slurp(source_ / ".unikctl" / "pid");
  ASSERT_FALSE(pid.empty());
  pid.pop_back();
  const auto state = [&] { return shell("sed 's/.*) //' /proc/" + pid + "/stat 2>/dev/null || true"); };
  const auto is_gone = [&](const std::string& now) {
    return now.empty() || now[0] == 'Z' || now[0] == 'X' || now.starts_with("sed:");
  };
  for (int look = 0; look < 1000 && !is_gone(state()); ++look)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(is_gone(state())) << state();
}

TEST(RunProgram, TellsHowItEnded) {
  ProgramRun run;
  run.args = {"/bin/sh", "-c", "exit 7"};
  EXPECT_EQ(*run_program(run), 7);
  run.args = {"/bin/sh", "-c", "kill -9 $$"};
  EXPECT_EQ(*run_program(run), 137);
  run.args = {"/nonexistent/program"};
  EXPECT_EQ(run_program(run).error().reason, "cannot_run");
  run.args = {"/bin/sh", "-c", "(sleep 100 &) ; echo out; echo err >&2"};
  std::string output;
  run.output = [&](std::string_view text) { output += text; };
  EXPECT_EQ(*run_program(run), 0);
  EXPECT_EQ(output, "out\nerr\n");
}

}  // namespace
}  // namespace unik::runtimes
