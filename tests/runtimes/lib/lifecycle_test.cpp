#include "runtimes/lib/pack/lifecycle.hpp"

#include "runtimes/lib/pack/source_build.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

// A pack that "compiles" by copying, with a tool that the test writes: the lifecycle is real, the language is not.
std::optional<Evidence> detect_copy(const SourceTree& source) {
  if (!source.has("copy.txt")) return std::nullopt;
  return Evidence{"copy.txt"};
}
std::vector<ToolNeed> copy_tools(const PackContext&) {
  return {{"copier", {"copier"}, {"--version"}, "copier ", "apt-get install copier"}};
}
Result<BuildPlan> plan_copy(const PackContext& context) {
  BuildPlan plan;
  plan.steps.push_back({"copy",
                        {context.tools.at("copier").program.string(), "main.bin", (context.places.app / "app").string(),
                         (context.places.cache / "runs").string()},
                        {}});
  plan.lock = "copy.txt";
  return plan;
}
Result<Launch> finish_copy(const PackContext& context) {
  return Launch{context.places.app, command_or(context, {"/app/app"}), {{"COPIED", "yes"}}};
}
const Pack kCopyPack = {"copy", "copying", "", "copy.txt", detect_copy, copy_tools, plan_copy, finish_copy};

class LifecycleTest : public ProjectTest {
 protected:
  void SetUp() override {
    ProjectTest::SetUp();
    options_.directory = write_source({{"copy.txt", "pinned"}});
    write_program("one");
    write_tool("1");
    options_.base = base();
    options_.environment =
        build_environment(options_.directory, {{"PATH", (dir_ / "tools").string() + ":/usr/bin:/bin"}});
    options_.step = [this](const std::string& text) { steps_ += text.substr(0, text.find(':')) + "\n"; };
  }
  void write_program(const std::string& text) {
    ElfDraft draft;
    draft.extra = text;
    write_file(options_.directory / "main.bin", make_elf(draft), true);
  }
  void write_tool(const std::string& version) {
    write_file(
        dir_ / "tools" / "copier",
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo copier " + version +
            "; exit 0; }\necho copying\necho run >>\"$3\"\ntouch litter\n[ ! -e fail ] || exit 3\ncp \"$1\" \"$2\"\n",
        true);
  }
  Result<AppBuild> build() {
    steps_.clear();
    return build_app(store(), {&kCopyPack, 1}, options_);
  }
  std::string metadata() { return slurp(options_.directory / ".unikctl" / "native" / "pack-metadata.json"); }

  AppBuildOptions options_;
  std::string steps_;
};

TEST_F(LifecycleTest, BuildsOnceAndAnswersFromTheStoreAfterwards) {
  const auto first = build();
  ASSERT_OK(first);
  EXPECT_FALSE(first->reused);
  EXPECT_EQ(steps_, "detect\nplan\nrestore cache\ncopy\nexport\n");
  EXPECT_EQ(first->image.config.entrypoint, std::vector<std::string>{"/app/app"});
  EXPECT_EQ(first->image.config.env, std::vector<std::string>{"COPIED=yes"});
  const auto second = build();
  ASSERT_OK(second);
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(steps_, "detect\n");
  EXPECT_EQ(second->image.reference, first->image.reference);
  EXPECT_EQ(second->image.config, first->image.config);
  EXPECT_EQ(second->image.layers.size(), first->image.layers.size());

  // Time alone is no change; content, the tool and the store's own state are.
  fs::last_write_time(options_.directory / "main.bin", fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(build()->reused);
  write_program("two");
  EXPECT_FALSE(build()->reused);
  write_tool("2");
  EXPECT_FALSE(build()->reused);
  EXPECT_TRUE(build()->reused);
  options_.mode = BuildMode::kDebug;
  EXPECT_FALSE(build()->reused);
  const auto last = build();
  EXPECT_TRUE(last->reused);
  ASSERT_OK(store().remove(last->image.manifest.layers.back().digest));
  EXPECT_FALSE(build()->reused) << "a layer is missing";
  write_file(options_.directory / ".unikctl" / "native" / "pack-metadata.json", "{damaged");
  EXPECT_FALSE(build()->reused);
}

TEST_F(LifecycleTest, TheSameSourceElsewhereIsTheSameImage) {
  const auto here = build();
  ASSERT_OK(here);
  options_.name = "source";
  const fs::path elsewhere = dir_ / "elsewhere" / "deeper";
  fs::create_directories(elsewhere);
  for (const char* file : {"copy.txt", "main.bin"}) fs::copy_file(options_.directory / file, elsewhere / file);
  options_.directory = elsewhere;
  const auto there = build();
  ASSERT_OK(there);
  EXPECT_FALSE(there->reused);
  EXPECT_EQ(there->image.reference, here->image.reference);
}

TEST_F(LifecycleTest, NothingOfTheUsersTreeIsTouched) {
  ASSERT_OK(build());
  std::string names;
  for (const auto& entry : fs::directory_iterator(options_.directory)) names += entry.path().filename().string() + " ";
  EXPECT_EQ(names.find("litter"), std::string::npos) << names;
  EXPECT_FALSE(fs::exists(options_.directory / ".unikctl" / "native" / "work"));
  EXPECT_EQ(slurp(options_.directory / ".unikctl" / "native" / "build.log"), "copying\n");
}

TEST_F(LifecycleTest, ALinkDoesNotLeadTheBuildOutOfTheSource) {
  write_file(dir_ / "victim" / "work" / "kept", "kept");
  fs::create_directories(options_.directory / ".unikctl");
  fs::create_symlink("../../victim", options_.directory / ".unikctl" / "native");
  EXPECT_EQ(build().error().reason, "unsafe_source");
  EXPECT_EQ(steps_, "") << "nothing was asked for, nor a runtime built";
  EXPECT_EQ(slurp(dir_ / "victim" / "work" / "kept"), "kept");
}

TEST_F(LifecycleTest, ACachedBuildRemovesWhatAKilledOneLeft) {
  ASSERT_OK(build());
  write_file(options_.directory / ".unikctl" / "native" / "work" / "left", "");
  EXPECT_TRUE(build()->reused);
  EXPECT_FALSE(fs::exists(options_.directory / ".unikctl" / "native" / "work"));
}

TEST_F(LifecycleTest, WhatChangesDuringABuildIsBuiltAgain) {
  const fs::path included = dir_ / "included";
  write_file(included, "one");
  options_.includes = {{included, "/etc/included"}};
  const auto first = build();
  ASSERT_OK(first);
  options_.rebuild = true;
  options_.step = [&](const std::string& text) {
    if (text.starts_with("copy")) write_file(included, "two");
  };
  const auto changed = build();
  ASSERT_OK(changed);
  EXPECT_NE(changed->image.reference, first->image.reference);
  ASSERT_EQ(changed->image.warnings.size(), 1U);
  options_.rebuild = false;
  options_.step = nullptr;
  write_file(included, "one");
  EXPECT_EQ(build()->image.reference, first->image.reference);
}

TEST_F(LifecycleTest, TheCacheOfAnEarlierToolGoes) {
  ASSERT_OK(build());
  write_program("two");
  ASSERT_OK(build());
  const auto caches = [&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(options_.directory / ".unikctl" / "cache"))
      if (entry.path().filename().string().starts_with("copy-")) found.push_back(entry.path());
    return found;
  };
  ASSERT_EQ(caches().size(), 1U);
  EXPECT_EQ(slurp(caches().front() / "runs"), "run\nrun\n") << "the second build found what the first had left";
  write_tool("2");
  ASSERT_OK(build());
  ASSERT_EQ(caches().size(), 1U);
  EXPECT_EQ(slurp(caches().front() / "runs"), "run\n");
}

TEST_F(LifecycleTest, TheRecordSaysWhatWasBuiltOfWhat) {
  const auto built = build();
  ASSERT_OK(built);
  const std::string record = metadata();
  for (const std::string& wanted :
       {std::string("\"pack\": \"copy\""), std::string("\"version\": \"copier 1\""),
        std::string("\"mode\": \"release\""), std::string("\"file\": \"copy.txt\""), to_string(sha256("pinned")),
        to_string(built->image.reference), std::string("\"deterministic\": true"),
        std::string("copier main.bin APP/app CACHE/runs"), std::string("\"layout\": 3"),
        std::string("\"name\": \"base\""),
        "\"layer\": \"" + annotation(built->image.manifest.annotations, kBaseAnnotation) + "\"",
        std::string("\"command\": [\n  \"/app/app\"\n ]")})
    EXPECT_NE(record.find(wanted), std::string::npos) << wanted << " in " << record;
}

TEST_F(LifecycleTest, AFailureNamesTheCommandAndShowsTheLog) {
  write_file(options_.directory / "fail", "");
  const auto failed = build();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().reason, "build_failed");
  for (const char* wanted : {"copier main.bin", "got 3", "build.log", "copying"})
    EXPECT_NE(failed.error().message.find(wanted), std::string::npos) << failed.error().message;
  EXPECT_FALSE(fs::exists(options_.directory / ".unikctl" / "native" / "work"));
}

TEST_F(LifecycleTest, AMissingToolIsNamedWithItsPackage) {
  fs::remove(dir_ / "tools" / "copier");
  EXPECT_EQ(build().error().reason, "no_toolchain");
  EXPECT_NE(build().error().message.find("apt-get install copier"), std::string::npos) << build().error().message;
  EXPECT_NE(build().error().message.find("source/copy.txt: the pack copy: want"), std::string::npos)
      << build().error().message;
  // One that does not work is passed over, and named.
  write_file(dir_ / "tools" / "copier", "#!/bin/sh\necho broken shim\nexit 1\n", true);
  EXPECT_NE(build().error().message.find("broken shim"), std::string::npos) << build().error().message;
}

TEST_F(LifecycleTest, WhatIsWrongWithTheSourceIsToldBeforeToolsAreLookedFor) {
  fs::remove(dir_ / "tools" / "copier");
  Pack pack = kCopyPack;
  pack.check = [](const PackContext& context) -> Result<void> {
    return in_source(context, "copy.txt", "ambiguous_lock", "two");
  };
  EXPECT_EQ(build_app(store(), {&pack, 1}, options_).error().reason, "ambiguous_lock");
}

TEST_F(LifecycleTest, ARuntimeWithoutWhatThePackNeedsIsRefused) {
  Pack pack = kCopyPack;
  pack.runtime = "copying";
  options_.runtime = "other";
  RuntimeImage runtime;
  runtime.name = "other";
  runtime.version = "1.0.0";
  runtime.provides = {{"nodejs", "22"}};
  options_.find_runtime = [&](const std::string&) -> Result<RuntimeImage> { return runtime; };
  const auto built = build_app(store(), {&pack, 1}, options_);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().reason, "wrong_runtime");
  EXPECT_NE(built.error().message.find("copy.txt: want a runtime that provides copying"), std::string::npos)
      << built.error().message;
  EXPECT_EQ(steps_, "detect\n") << "nothing has run";
}

TEST_F(LifecycleTest, AToolMayColourItsVersion) {
  write_file(dir_ / "tools" / "copier", "#!/bin/sh\nprintf '\\033[1mcopier \\033[0;32m7\\033[m\\n\\033['\n", true);
  const auto explained = explain_build({&kCopyPack, 1}, options_);
  ASSERT_OK(explained);
  ASSERT_TRUE(explained->tools.contains("copier"));
  EXPECT_EQ(explained->tools.at("copier").version, "copier 7");
}

TEST_F(LifecycleTest, ExplainDecidesEverythingAndRunsNothing) {
  auto explained = explain_build({&kCopyPack, 1}, options_);
  ASSERT_OK(explained);
  EXPECT_EQ(explained->choice.chosen().pack->name, "copy");
  EXPECT_EQ(explained->tools.at("copier").version, "copier 1");
  EXPECT_EQ(explained->plan.lock, "copy.txt");
  EXPECT_FALSE(explained->obstacle);
  EXPECT_FALSE(fs::exists(options_.directory / ".unikctl"));
  fs::remove(dir_ / "tools" / "copier");
  explained = explain_build({&kCopyPack, 1}, options_);
  ASSERT_OK(explained);
  ASSERT_TRUE(explained->obstacle);
  EXPECT_EQ(explained->obstacle->reason, "no_toolchain");
}

}  // namespace
}  // namespace unik::runtimes
