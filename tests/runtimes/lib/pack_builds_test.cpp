// Projects built by the real tools of this machine, from packages that the test makes, on runtimes that have the shape
// of real ones. What runs in a VM is in tests/e2e/packs.sh.
#include <algorithm>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/lifecycle.hpp"
#include "runtimes/lib/pack/source_build.hpp"
#include "tests/runtimes/lib/elf_fixture.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

class PackBuildTest : public ProjectTest {
 protected:
  void SetUp() override {
    ProjectTest::SetUp();
    caller_["PATH"] = std::getenv("PATH");
    caller_["HOME"] = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "/";
    base_ = base();
  }
  RuntimeImage runtime(const std::string& name) {
    RuntimeImage image;
    image.name = name;
    image.version = "1.0.0";
    image.root = dir_ / ("runtime-" + name);
    for (const char* program : {"node", "python3", "java"})
      write_file(image.root / "usr" / "bin" / program, make_elf({}), true);
    FileTree tree;
    EXPECT_OK(add_host_directory(tree, "", image.root));
    auto layer = put_layer(store(), tree, "runtime");
    EXPECT_OK(layer);
    image.layer = *std::move(layer);
    image.provides = {{"dotnet", "self-contained"}, {"java", "17"}, {"nodejs", "22"}, {"python", "3.11"}};
    return image;
  }
  Result<AppBuild> build(const fs::path& directory, codec::UnikYaml recipe = {},
                         std::optional<codec::UnikLock> lock = {}) {
    AppBuildOptions options;
    options.lock = std::move(lock);
    options.directory = directory;
    options.recipe = std::move(recipe);
    options.name = "app";
    options.base = base_;
    options.environment = build_environment(directory, caller_);
    options.find_runtime = [this](const std::string& name) -> Result<RuntimeImage> {
      asked_ = name;
      return runtime(name.substr(0, name.find('@')));
    };
    return build_app(store(), all_packs(), options);
  }
  // Built in two directories to one digest, and again without a command.
  AppBuild proves(const SourceFiles& files, codec::UnikYaml recipe = {}) {
    const fs::path first = write_source(files), second = dir_ / "elsewhere" / "deeper" / "source";
    fs::create_directories(second.parent_path());
    fs::copy(first, second, fs::copy_options::recursive);
    const auto one = build(first, recipe), two = build(second, recipe), again = build(first, recipe);
    EXPECT_OK(one);
    EXPECT_OK(two);
    if (!one || !two || !again) return {};
    EXPECT_EQ(one->image.reference, two->image.reference);
    EXPECT_FALSE(two->reused);
    EXPECT_TRUE(again->reused);
    EXPECT_TRUE(one->deterministic);
    return *one;
  }
  FileTree guest(const AppBuild& built) {
    FileTree tree;
    auto sink = spool_sink(dir_);
    for (const Descriptor& layer : built.image.manifest.layers) EXPECT_OK(apply_layer(tree, store(), layer, *sink));
    return tree;
  }

  std::map<std::string, std::string> caller_;
  BaseRuntime base_;
  std::string asked_;  // for a runtime, last
};

using Words = std::vector<std::string>;

TEST_F(PackBuildTest, NpmInstallsWhatTheLockNames) {
  if (!have("npm")) GTEST_SKIP() << "no npm here";
  write_file(dir_ / "greet" / "package.json",
             R"({"name": "tiny-greet", "version": "1.0.0", "bin": {"tiny-serve": "serve.js"}})");
  write_file(dir_ / "greet" / "serve.js", "#!/usr/bin/env node\n");
  shell("cd " + dir_.string() + " && npm pack ./greet --silent");
  const fs::path project =
      write_source({{"package.json", R"({"name": "app", "scripts": {"start": "MODE=x tiny-serve --loud"},
    "dependencies": {"tiny-greet": "file:vendor/tiny-greet-1.0.0.tgz"}})"}});
  fs::create_directories(project / "vendor");
  fs::rename(dir_ / "tiny-greet-1.0.0.tgz", project / "vendor" / "tiny-greet-1.0.0.tgz");
  shell("cd " + project.string() + " && npm install --package-lock-only --silent");
  SourceFiles files;
  for (const char* file : {"package.json", "package-lock.json", "vendor/tiny-greet-1.0.0.tgz"})
    files.emplace_back(file, slurp(project / file));
  const AppBuild built = proves(files);
  EXPECT_EQ(built.pack, "npm");
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/node", "/app/node_modules/tiny-greet/serve.js", "--loud"}));
  EXPECT_EQ(built.image.config.env, (Words{"MODE=x", "NODE_ENV=production"}));
  const FileTree tree = guest(built);
  EXPECT_TRUE(tree.contains("app/node_modules/tiny-greet/serve.js"));
  EXPECT_FALSE(tree.contains("app/node_modules/.package-lock.json"));
}

TEST_F(PackBuildTest, ALockIsWhatIsBuiltOnOrNothing) {
  if (!have("npm")) GTEST_SKIP() << "no npm here";
  const fs::path project = write_source({{"server.js", "1"}});
  const auto free = build(project);
  ASSERT_OK(free);
  EXPECT_EQ(asked_, "nodejs");
  ASSERT_TRUE(free->runtime);
  const codec::LockedRuntime pin = *free->runtime;
  EXPECT_EQ(pin.name + "@" + pin.version, "nodejs@1.0.0");
  // The lock is no part of the source: it changes nothing.
  write_file(project / "unik.lock", codec::print_unik_lock({1, {pin}}));
  const auto locked = build(project, {}, codec::UnikLock{1, {pin}});
  ASSERT_OK(locked);
  EXPECT_EQ(asked_, "nodejs@1.0.0") << "the newest one could be another";
  EXPECT_TRUE(locked->reused);
  EXPECT_FALSE(guest(*locked).contains("app/unik.lock"));

  codec::LockedRuntime other = pin;
  other.layer = "sha256:" + std::string(64, '0');
  codec::UnikYaml newer;
  newer.runtime = "nodejs@1.1.0";
  const std::tuple<codec::UnikYaml, codec::UnikLock, const char*> refused[] = {
      {{}, {1, {other}}, "with the layer sha256:0000"},
      {{}, {}, "want the runtime nodejs, found none"},
      {newer, {1, {pin}}, "want nodejs@1.1.0, found it pinned to 1.0.0"}};
  for (const auto& [recipe, lock, message] : refused) {
    const auto built = build(project, recipe, lock);
    ASSERT_FALSE(built.ok()) << message;
    EXPECT_EQ(built.error().reason, "not_locked");
    EXPECT_NE(built.error().message.find(message), std::string::npos) << built.error().message;
  }
}

TEST_F(PackBuildTest, StaticFilesAreServedAsSuch) {
  if (!have("npm")) GTEST_SKIP() << "no npm here";
  const std::string script =
      R"(require('fs').mkdirSync('dist/app', {recursive: true}); require('fs').writeFileSync('dist/app/index.html', 'hi'))";
  const AppBuild built =
      proves({{"package.json", R"({"scripts": {"build": "node make.js", "start": "vite"}})"}, {"make.js", script}});
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/node", "serve.mjs"}));
  const FileTree tree = guest(built);
  EXPECT_TRUE(tree.contains("app/site/index.html"));
  EXPECT_FALSE(tree.contains("app/make.js")) << "sources stay behind";
  const auto nothing = build(write_source({{"package.json", R"({"scripts": {"build": "node -v"}})"}}));
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().reason, "no_entry_point");
  EXPECT_NE(nothing.error().message.find("after the script `build`"), std::string::npos) << nothing.error().message;
}

TEST_F(PackBuildTest, PipInstallsWhatTheHashesSay) {
  int code = 1;
  std::string hash = shell("python3 tests/runtimes/lib/wheel.py " + dir_.string(), &code);
  if (code != 0 || !have("pip3")) GTEST_SKIP() << "no Python with pip here: " << hash;
  hash.pop_back();
  caller_["PIP_FIND_LINKS"] = dir_.string();
  caller_["PIP_NO_INDEX"] = "1";
  codec::UnikYaml recipe;
  recipe.run_command = {"tiny-greet"};
  SourceFiles files = {{"requirements.txt", "tiny-greet==1.0.0 --hash=sha256:" + hash + "\n"},
                       {"main.py", "import tiny_greet\n"}};
  const AppBuild built = proves(files, recipe);
  EXPECT_EQ(built.pack, "pip");
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/python3", "/app/.site-packages/bin/tiny-greet"}));
  const FileTree tree = guest(built);
  EXPECT_TRUE(tree.contains("app/.site-packages/tiny_greet/__init__.py"));
  EXPECT_TRUE(tree.contains("app/__pycache__/main.cpython-311.pyc"));

  files[0].second = "tiny-greet==1.0.0 --hash=sha256:" + std::string(64, '0') + "\n";
  const auto wrong = build(write_source(files), recipe);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().reason, "build_failed");
  EXPECT_NE(wrong.error().message.find("DO NOT MATCH THE HASHES"), std::string::npos) << wrong.error().message;
}

TEST_F(PackBuildTest, JavacMakesOneJar) {
  if (!have("javac") || !have("jar")) GTEST_SKIP() << "no JDK here";
  const AppBuild built =
      proves({{"src/a/Main.java", "package a;\npublic class Main { public static void main(String[] args) {} }\n"}});
  EXPECT_EQ(built.pack, "javac");
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/java", "-jar", "/app/app.jar"}));
  EXPECT_FALSE(guest(built).contains("app/src"));
}

TEST_F(PackBuildTest, AJarIsTakenAsItIsWithWhatLiesBesideIt) {
  if (!have("javac") || !have("jar")) GTEST_SKIP() << "no JDK here";
  const fs::path made = dir_ / "made";
  write_file(made / "Main.java", "public class Main { public static void main(String[] args) {} }\n");
  ASSERT_EQ(std::system(("cd " + made.string() +
                         " && javac Main.java && jar --create --file tool.jar --main-class Main Main.class")
                            .c_str()),
            0);
  const std::string program = slurp(made / "tool.jar");
  const AppBuild built = proves({{"tool.jar", program}, {"tool.properties", "a=b\n"}});
  EXPECT_EQ(built.pack, "jar");
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/java", "-jar", "/app/tool.jar"}));
  EXPECT_TRUE(guest(built).contains("app/tool.properties"));

  const auto several = build(write_source({{"a.jar", program}, {"b.jar", program}}));
  ASSERT_FALSE(several.ok());
  EXPECT_NE(several.error().message.find("found several: a.jar, b.jar"), std::string::npos) << several.error().message;
}

TEST_F(PackBuildTest, FilesOfANamedLanguageAreTakenAsTheyAre) {
  codec::UnikYaml recipe;
  recipe.language = "python";
  EXPECT_EQ(build(write_source({{"index.html", "hello"}}), recipe).error().reason, "no_pack");
  recipe.run_command = {"python3", "-m", "http.server"};
  const AppBuild built = proves({{"index.html", "hello"}}, recipe);
  EXPECT_EQ(built.pack, "files");
  EXPECT_EQ(built.image.config.entrypoint, (Words{"/usr/bin/python3", "-m", "http.server"}));
  EXPECT_TRUE(guest(built).contains("app/index.html"));

  recipe.language.clear();
  EXPECT_EQ(build(write_source({{"index.html", "hello"}}), recipe).error().reason, "no_pack");
  recipe.runtime = "python";
  const auto named = build(write_source({{"index.html", "hello"}}), recipe);
  ASSERT_OK(named);
  EXPECT_EQ(named->pack, "files");
}

// A stand-in for the SDK, which Debian does not have: it leaves the files that the real one is documented to leave.
TEST_F(PackBuildTest, DotnetPublishesWithAFakeSdk) {
  write_file(dir_ / "program", make_elf({}), true);
  write_file(dir_ / "fake" / "dotnet",
             "#!/bin/sh\nset -e\ncase $1 in\n--version) echo 8.0.100-fake ;;\nrestore) ;;\npublish)\n"
             "  while [ \"$1\" != --output ]; do shift; done\n  cp " +
                 (dir_ / "program").string() +
                 " \"$2/hello\"\n  echo dll >\"$2/hello.dll\"\n  echo {} >\"$2/hello.runtimeconfig.json\" ;;\nesac\n",
             true);
  caller_["PATH"] = (dir_ / "fake").string() + ":" + caller_["PATH"];
  const AppBuild built = proves(
      {{"hello.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\"></Project>"}, {"Program.cs", "// never compiled\n"}});
  EXPECT_EQ(built.pack, "dotnet");
  EXPECT_EQ(built.image.config.entrypoint, Words{"/app/hello"});
}

}  // namespace
}  // namespace unik::runtimes
