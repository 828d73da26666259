#include "runtimes/lib/packs/packs.hpp"

#include "runtimes/lib/packs/java_program.hpp"
#include "runtimes/lib/packs/toml_document.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

const std::string kMainGo = "package main\n\nfunc main() {}\n";
const std::string kGoMod = "module example.com/hello\n\ngo 1.19\n";
const std::string kRequires = kGoMod + "\nrequire example.com/dep v1.0.0\n";
const std::string kCargoToml = "[package]\nname = \"hello\"\nversion = \"1.0.0\"\n";

TEST_F(ProjectTest, NothingThatAnyPackKnowsNamesWhatIsLookedFor) {
  const Look look = look_at({{"README.md", "hello"}});
  EXPECT_EQ(look.pack, "no_pack");
  EXPECT_NE(look.message.find("go.mod"), std::string::npos) << look.message;
  EXPECT_NE(look.message.find("unik.yaml"), std::string::npos) << look.message;
  EXPECT_NE(look_at({{"Dockerfile", "FROM x"}}).message.find("a Dockerfile is not built"), std::string::npos);
}

TEST_F(ProjectTest, SeveralMatchesAreResolvedByAStatedRule) {
  const SourceFiles both = {{"go.mod", kGoMod}, {"main.go", kMainGo}, {"Cargo.toml", kCargoToml}, {"Cargo.lock", ""}};
  EXPECT_EQ(look_at(both).pack, "go");
  EXPECT_NE(look_at(both).rule.find("order of packs"), std::string::npos);
  codec::UnikYaml recipe;
  recipe.language = "rust";
  EXPECT_EQ(look_at(both, BuildMode::kRelease, recipe).pack, "cargo");
  recipe.language = "cobol";
  EXPECT_EQ(look_at(both, BuildMode::kRelease, recipe).pack, "no_such_language");
}

TEST_F(ProjectTest, WhatToolsMakeAnewIsNoPartOfTheSource) {
  const fs::path directory = write_source({{"go.mod", kGoMod},
                                           {"node_modules/x/package.json", "{}"},
                                           {"lib/__pycache__/a.pyc", "x"},
                                           {".git/HEAD", "x"},
                                           {".unikctl/native/build.log", "x"},
                                           {"unik.yaml", "version: 1"}});
  fs::create_directories(directory / ".venv");
  fs::create_symlink("/usr/bin/python3", directory / ".venv" / "python3");
  const auto source = SourceTree::read(directory);
  ASSERT_OK(source);
  EXPECT_EQ(picture(source->files()), "file 644 0:0 go.mod =" + kGoMod + "\ndir 755 lib\n");
  fs::create_symlink("/etc/passwd", directory / "outside");
  EXPECT_EQ(SourceTree::read(directory).error().reason, "unsafe_source");
}

TEST_F(ProjectTest, Go) {
  const Look look = look_at({{"go.mod", kGoMod}, {"main.go", kMainGo}});
  EXPECT_EQ(commands(look),
            "compile: CGO_ENABLED=0 GO111MODULE=on GOCACHE=/cache/build GOFLAGS=-mod=readonly -modcacherw "
            "GOMODCACHE=/cache/modules GOTOOLCHAIN=local GOWORK=off /tools/go build -trimpath -buildvcs=false -ldflags "
            "-s -w -buildid= -o /app-dir/app .\n");
  EXPECT_TRUE(look.plan->deterministic);
  EXPECT_EQ(look.plan->lock, "");
  EXPECT_EQ(look_at({{"go.mod", kRequires}, {"go.sum", "x"}, {"main.go", kMainGo}}).plan->lock, "go.sum");
  EXPECT_EQ(refusal({{"go.mod", kRequires}, {"main.go", kMainGo}}), "no_lock");
  const Look debug = look_at({{"go.mod", kRequires}, {"main.go", kMainGo}}, BuildMode::kDebug);
  EXPECT_EQ(commands(debug).find("-ldflags"), std::string::npos) << "symbols stay";
  EXPECT_FALSE(debug.plan->deterministic);
  EXPECT_NE(
      commands(look_at({{"go.mod", kRequires}, {"go.sum", "x"}, {"main.go", kMainGo}, {"vendor/modules.txt", ""}}))
          .find("-mod=vendor"),
      std::string::npos);
}

// Texts of others, of up to 16 MiB, must not cost the stack.
TEST_F(ProjectTest, LongTextsAreScanned) {
  const std::string blank(900'000, '\n');
  EXPECT_EQ(look_at({{"go.mod", blank + kRequires}, {"go.sum", "x"}, {"main.go", blank + kMainGo}}).plan->lock,
            "go.sum");
  EXPECT_EQ(refusal({{"go.mod", kGoMod + "\tx" + blank}, {"main.go", kMainGo}}), "");
  const std::string spaces(900'000, ' ');
  EXPECT_EQ(refusal({{"build.gradle", "implementation" + spaces + blank + "'a:b:1'"}}), "no_lock");
  EXPECT_EQ(refusal({{"build.gradle", "implementation '" + spaces + "'"}}), "");
  EXPECT_EQ(refusal({{"package.json", R"({"main": "a.js", "dependencies": {"a": "1"}})"},
                     {"a.js", ""},
                     {"yarn.lock", "a@1:" + blank + "  resolved \"https://" + spaces + "\"\n"}}),
            "unhashed_lock");
  const fs::path java = write_source({{"A.java", blank + "package a.b" + spaces + ";\nclass A { public static" + blank +
                                                     spaces + "void main(String[] args) {} }"}});
  EXPECT_EQ(main_classes(*SourceTree::read(java)), std::vector<std::string>{"a.b.A"});
}

TEST_F(ProjectTest, ModulesOfGoLieInTheSource) {
  const auto replaced = [&](const std::string& lines) {
    return look_at({{"go.mod", kRequires + lines}, {"go.sum", "x"}, {"main.go", kMainGo}}, BuildMode::kDebug).message;
  };
  for (const char* outside :
       {"replace example.com/dep => /outside\n", "replace (\n\texample.com/dep v1.0.0 => ../outside // why\n)\n",
        "replace example.com/dep => \"../outside\"\n", "replace example.com/dep => ./a/../../outside\r\n"})
    EXPECT_NE(replaced(outside).find("go.mod: "), std::string::npos) << outside << replaced(outside);
  EXPECT_NE(
      replaced("replace example.com/dep => ../outside\n").find("replace example.com/dep => ../outside: want a path"),
      std::string::npos);
  EXPECT_EQ(replaced("replace example.com/dep => ./inside\nreplace a => b v1.0.0\n// x => ../y\n"), "");
  EXPECT_EQ(refusal({{"go.mod", kRequires + "replace example.com/dep => ../x\n"},
                     {"vendor/modules.txt", ""},
                     {"go.sum", "x"},
                     {"main.go", kMainGo}}),
            "");
}

TEST_F(ProjectTest, CratesOfCargoLieInTheSource) {
  const auto reason = [&](const std::string& lines) {
    return refusal({{"Cargo.toml", kCargoToml}, {"Cargo.lock", ""}, {"crates/a/Cargo.toml", lines}}, BuildMode::kDebug);
  };
  for (const char* outside :
       {"[dependencies]\nx = { path = \"../../../x\" }\n", "[target.'cfg(unix)'.dependencies.x]\npath = '/x'\n",
        "[workspace]\nmembers = [\"../../../*\"]\n", "[package]\nbuild = \"/build.rs\"\n",
        "[[bin]]\npath = \"/main.rs\"\n", "[package]\nworkspace = \"../../..\"\n",
        "[workspace.dependencies]\nx = { path = \"/x\" }\n", "[dependencies.metadata]\npath = \"/x\"\n",
        "[dependencies.build]\npath = \"/x\"\n"})
    EXPECT_EQ(reason(outside), "unsafe_source") << outside;
  // What cargo does not read says nothing of paths.
  for (const char* other : {"[package.metadata.docs]\npath = \"/usr/share/doc\"\n",
                            "[workspace.metadata.x]\npath = \"/x\"\nmembers = [\"/y\"]\n",
                            "[features]\nbuild = [\"/x\"]\nmembers = [\"/x\"]\n"})
    EXPECT_EQ(reason(other), "") << other;
  EXPECT_EQ(reason("[dependencies]\nx = { path = \"../b\" }\n[package]\nbuild = false\n"), "");
}

TEST_F(ProjectTest, GoFindsItsMainPackage) {
  EXPECT_NE(commands(look_at({{"go.mod", kGoMod}, {"cmd/serve/main.go", kMainGo}, {"lib/a.go", "package lib\n"}}))
                .find(" ./cmd/serve\n"),
            std::string::npos);
  EXPECT_EQ(refusal({{"go.mod", kGoMod}, {"lib.go", "package lib\n"}}), "no_entry_point");
  const Look several = look_at({{"go.mod", kGoMod}, {"cmd/a/main.go", kMainGo}, {"cmd/b/main.go", kMainGo}});
  EXPECT_NE(several.message.find("./cmd/a, ./cmd/b"), std::string::npos) << several.message;
}

TEST_F(ProjectTest, Cargo) {
  const Look look = look_at({{"Cargo.toml", kCargoToml}, {"Cargo.lock", "version = 3\n"}});
  EXPECT_EQ(commands(look),
            "compile: CARGO_HOME=/cache CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never RUSTC=/tools/rustc RUSTFLAGS=-C "
            "target-feature=+crt-static --remap-path-prefix=/work=/src --remap-path-prefix=/cache=/cargo -C "
            "strip=symbols -C link-arg=-Wl,--build-id=none /tools/cargo build --release --locked --target "
            "x86_64-unknown-linux-gnu --target-dir /app-dir/target\n");
  EXPECT_EQ(look.plan->lock, "Cargo.lock");
  EXPECT_EQ(refusal({{"Cargo.toml", kCargoToml}}), "no_lock");
  EXPECT_EQ(refusal({{"Cargo.toml", kCargoToml}}, BuildMode::kDebug), "");
}

TEST(TomlDocument, IsReadAsJson) {
  EXPECT_EQ(toml_as_json("[a]\nb = [1, {c = 'x # y'}] # comment\n").ok(), true);
  EXPECT_NE(toml_as_json("a.b = 'x'")->find("\"x\""), std::string::npos);
  const Error error = toml_as_json("ok = 1\nbroken").error();
  EXPECT_EQ(error.reason, "bad_toml");
  EXPECT_TRUE(error.message.starts_with("2:")) << error.message;
}

}  // namespace
}  // namespace unik::runtimes
