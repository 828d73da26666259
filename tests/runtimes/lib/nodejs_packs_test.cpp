#include "runtimes/lib/packs/packs.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

const std::string kNeeds = R"({"main": "server.js", "dependencies": {"tiny-greet": "1.0.0"}})";
const std::string kLock = R"({"lockfileVersion": 3, "packages": {"": {}, "node_modules/tiny-greet":
  {"version": "1.0.0", "resolved": "https://example.com/tiny-greet-1.0.0.tgz", "integrity": "sha512-x"}}})";

TEST_F(ProjectTest, Npm) {
  const Look look = look_at({{"package.json", kNeeds}, {"package-lock.json", kLock}, {"server.js", ""}});
  EXPECT_EQ(look.pack, "npm");
  EXPECT_EQ(
      commands(look),
      "install: npm_config_update_notifier=false /tools/npm ci --omit=dev --no-bin-links --ignore-scripts --no-audit "
      "--no-fund --cache /cache\n");
  EXPECT_EQ(look.plan->lock, "package-lock.json");
  EXPECT_TRUE(look.plan->deterministic);
  EXPECT_EQ(commands(look_at({{"package.json", R"({"main": "server.js"})"}, {"server.js", ""}})), "")
      << "nothing to install, nothing to lock";
  const Look loose = look_at({{"server.js", ""}});
  EXPECT_EQ(loose.pack, "npm");
  EXPECT_EQ(commands(loose), "");
}

TEST_F(ProjectTest, NpmHoldsWhatItFetchesToHashes) {
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"server.js", ""}}), "no_lock");
  const std::string unhashed =
      R"({"packages": {"node_modules/bad": {"version": "1.0.0", "resolved": "https://example.com/b"}}})";
  const Look look = look_at({{"package.json", kNeeds}, {"package-lock.json", unhashed}, {"server.js", ""}});
  EXPECT_EQ(look.plan.error().reason, "unhashed_lock");
  EXPECT_NE(look.message.find("package-lock.json: want `integrity` of every package, found none of node_modules/bad"),
            std::string::npos)
      << look.message;
  // What lies in the source, and what a commit pins.
  const std::string ours =
      R"({"packages": {"node_modules/ours": {"link": true, "resolved": "ours"}, "ours": {"version": "1"},
    "node_modules/g": {"resolved": "git+ssh://git@example.com/g.git#0123456789012345678901234567890123456789"}}})";
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"package-lock.json", ours}, {"server.js", ""}}), "");
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"package-lock.json", "{broken"}, {"server.js", ""}}), "unhashed_lock");
  const Look debug = look_at({{"package.json", kNeeds}, {"server.js", ""}}, BuildMode::kDebug);
  EXPECT_NE(commands(debug).find("/tools/npm install --no-package-lock --omit=dev"), std::string::npos);
  EXPECT_FALSE(debug.plan->deterministic);
}

// What npm before 7 writes: packages in packages, and URLs as versions.
TEST_F(ProjectTest, NpmHoldsOldLocksToHashes) {
  const auto message = [&](const std::string& dependencies) {
    return look_at({{"package.json", kNeeds},
                    {"package-lock.json", R"({"lockfileVersion": 1, "dependencies": )" + dependencies + "}"},
                    {"server.js", ""}})
        .message;
  };
  EXPECT_EQ(message(R"({"a": {"version": "1.0.0", "integrity": "sha512-x"}})"), "");
  const std::string commit = "#0123456789012345678901234567890123456789";
  EXPECT_EQ(
      message(R"({"g": {"version": "git+ssh://git@example.com/g.git)" + commit + R"("}, "h": {"version": "github:o/h)" +
              commit + R"("}, "ours": {"version": "file:ours"}, "b": {"version": "1.0.0", "bundled": true}})"),
      "");
  for (const char* unhashed :
       {R"({"bad": {"version": "https://example.com/bad.tgz"}})",
        R"({"bad": {"version": "http://example.com/bad.tgz"}})", R"({"bad": {"version": "npm:other@1.0.0"}})",
        R"({"bad": {"version": "1.0.0", "integrity": ""}})", R"({"bad": {"version": "github:o/bad#main"}})",
        R"({"a": {"version": "1.0.0", "integrity": "sha512-x", "dependencies": {"bad": {"version": "1.0.0"}}}})"})
    EXPECT_NE(message(unhashed).find("found none of bad;"), std::string::npos) << unhashed << ": " << message(unhashed);
  // Both forms in one file.
  const std::string both = R"({"packages": {"": {}}, "dependencies": {"bad": {"version": "1.0.0"}}})";
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"package-lock.json", both}, {"server.js", ""}}), "unhashed_lock");
}

TEST_F(ProjectTest, WorkspacesAreInstalledThoughTheRootNeedsNothing) {
  const std::string linked = R"({"lockfileVersion": 3, "packages": {"": {"workspaces": ["packages/*"]},
    "node_modules/greet": {"resolved": "packages/greet", "link": true}, "packages/greet": {"version": "1.0.0"}}})";
  for (const char* workspaces : {R"(["packages/*"])", R"({"packages": ["packages/*"]})"}) {
    const std::string root = std::string(R"({"main": "server.js", "workspaces": )") + workspaces + "}";
    const Look look = look_at({{"package.json", root}, {"package-lock.json", linked}, {"server.js", ""}});
    EXPECT_NE(commands(look).find("/tools/npm ci --omit=dev"), std::string::npos) << workspaces;
    EXPECT_EQ(refusal({{"package.json", root}, {"server.js", ""}}), "no_lock");
  }
  EXPECT_EQ(commands(look_at({{"package.json", R"({"main": "server.js", "workspaces": []})"}, {"server.js", ""}})), "");
  const std::string lock = "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n";
  const Look look = look_at({{"package.json", R"({"main": "server.js"})"},
                             {"pnpm-workspace.yaml", "packages: ['packages/*']"},
                             {"pnpm-lock.yaml", lock},
                             {"server.js", ""}});
  EXPECT_NE(commands(look).find("/tools/pnpm install"), std::string::npos) << look.message;
}

TEST_F(ProjectTest, SeveralNodeLocksAreAmbiguous) {
  const Look look = look_at({{"package.json", kNeeds},
                             {"package-lock.json", kLock},
                             {"yarn.lock", ""},
                             {"pnpm-lock.yaml", ""},
                             {"server.js", ""}});
  EXPECT_EQ(look.plan.error().reason, "ambiguous_lock");
  EXPECT_NE(look.message.find("package-lock.json and yarn.lock and pnpm-lock.yaml"), std::string::npos) << look.message;
  EXPECT_EQ(refusal({{"package.json", "[]"}}), "bad_project");
}

TEST_F(ProjectTest, PackagesOfNodeLieInTheSource) {
  for (const char* range : {"file:../x", "../x", "link:../x", "portal:/x", "/x", "file:///x"}) {
    const Look look = look_at(
        {{"package.json", std::string(R"({"main": "s.js", "dependencies": {"x": ")") + range + "\"}}"}, {"s.js", ""}},
        BuildMode::kDebug);
    EXPECT_EQ(look.plan.error().reason, "unsafe_source") << range;
    for (const char* wanted : {"package.json: dependencies.x: want a path inside", "found `"})
      EXPECT_NE(look.message.find(wanted), std::string::npos) << look.message;
  }
  EXPECT_EQ(refusal({{"package.json", R"({"main": "s.js", "workspaces": ["packages/*", "../other"]})"}, {"s.js", ""}}),
            "unsafe_source");
  EXPECT_EQ(refusal({{"package.json", R"({"main": "s.js", "dependencies": {"tiny-greet": "file:packages/a"}})"},
                     {"packages/a/package.json", R"({"dependencies": {"b": "file:../b"}})"},
                     {"package-lock.json", kLock},
                     {"s.js", ""}}),
            "");
}

TEST_F(ProjectTest, AddonsAreForTheNodeOfTheRuntime) {
  const fs::path project = write_source({{"package.json", R"({"main": "s.js"})"}, {"s.js", ""}});
  const fs::path work = dir_ / "work", addon = work / "node_modules" / "x" / "build" / "x.node";
  const auto source = SourceTree::read(project);
  ASSERT_OK(source);
  const codec::UnikYaml recipe;
  const auto reason = [&](const std::string& version, const std::string& symbols) {
    fs::remove_all(work);
    fs::copy(project, work, fs::copy_options::recursive);
    write_file(addon, std::string(300'000, 'x') + symbols);
    const PackContext context{*source,
                              recipe,
                              BuildMode::kRelease,
                              {{"nodejs", "22"}},
                              {work, dir_, dir_},
                              {{"node", Tool{"node", "/node", version}}}};
    const auto launch = kNpmPack.finish(context);
    return launch ? "" : launch.error().reason + ": " + launch.error().message;
  };
  EXPECT_EQ(reason("v22.1.0", "_ZN2v87Isolate10GetCurrentEv"), "");
  EXPECT_EQ(reason("v20.1.0", "napi_register_module_v1"), "");
  const std::string refused = reason("v20.1.0", "_ZN2v87Isolate10GetCurrentEv");
  EXPECT_EQ(refused.find("wrong_toolchain: "), 0U) << refused;
  EXPECT_NE(refused.find("node_modules/x/build/x.node: want an addon for Node 22"), std::string::npos) << refused;
}

TEST_F(ProjectTest, Yarn) {
  const std::string lock =
      "# yarn lockfile v1\n\n\ntiny-greet@1.0.0:\n  version \"1.0.0\"\n  resolved \"https://example.com/t.tgz#a1\"\n"
      "  integrity sha512-x\n";
  const Look look = look_at({{"package.json", kNeeds}, {"yarn.lock", lock}, {"server.js", ""}});
  EXPECT_EQ(look.pack, "yarn");
  EXPECT_EQ(commands(look),
            "install: /tools/yarn install --ignore-scripts --non-interactive --no-progress --cache-folder /cache "
            "--frozen-lockfile --production=true --no-bin-links\n");
  const std::string unhashed = lock.substr(0, lock.find("  integrity"));
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"yarn.lock", unhashed}, {"server.js", ""}}), "unhashed_lock");
  const auto refused = [&](std::string text, bool crlf = false) {
    for (std::size_t at = 0; crlf && (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
    return look_at({{"package.json", kNeeds}, {"yarn.lock", text}, {"server.js", ""}}).message;
  };
  const std::string bad = "\nbad@^1.0.0:\n  version \"1.0.0\"\n";
  const std::string fetched = "  resolved \"https://example.com/bad.tgz#a1\"\n";
  EXPECT_EQ(refused(lock, true), "");
  for (const bool crlf : {false, true})
    for (const std::string& more : {fetched, std::string(), fetched + "  dependencies:\n    integrity \"^1.0.0\"\n"})
      EXPECT_NE(refused(lock + bad + more, crlf).find("found none of bad@^1.0.0;"), std::string::npos) << crlf << more;
  EXPECT_EQ(
      refused(lock + "\n\"ours@file:vendor/ours.tgz\":\n  version \"1.0.0\"\n  resolved \"file:vendor/ours.tgz#a1\"\n"
                     "\ng@o/g:\n  version \"1.0.0\"\n  resolved \"git+https://example.com/g.git#0123\"\n"),
      "");
  EXPECT_NE(
      refused("__metadata:\n  version: 8\n\n\"bad@https://example.com/bad.tgz\":\n  version: 1.0.0\n  resolution: "
              "\"bad@https://example.com/bad.tgz\"\n"),
      "");
  const std::string berry =
      "__metadata:\n  version: 8\n\n\"tiny-greet@npm:1.0.0\":\n  resolution: \"tiny-greet@npm:1.0.0\"\n  checksum: "
      "10c0/x\n";
  const Look later = look_at({{"package.json", kNeeds}, {"yarn.lock", berry}, {"server.js", ""}});
  EXPECT_NE(commands(later).find("/tools/yarn workspaces focus --all --production"), std::string::npos)
      << commands(later);
}

TEST_F(ProjectTest, YarnsLongKeysAreRead) {
  std::string key;
  for (int i = 0; i < 100; ++i) key += "bad@npm:^1.0." + std::to_string(i) + ", ";
  const auto message = [&](const std::string& checksum) {
    const std::string lock = "__metadata:\n  version: 8\n\n? \"" + key +
                             "bad@npm:1\"\n:\n  version: 1.0.0\n  resolution: " + "\"bad@npm:1.0.0\"\n" + checksum;
    return look_at({{"package.json", kNeeds}, {"yarn.lock", lock}, {"server.js", ""}}).message;
  };
  EXPECT_EQ(message("  checksum: 10c0/x\n"), "");
  EXPECT_NE(message("").find("found none of \"bad@npm:^1.0.0, "), std::string::npos) << message("");
}

TEST_F(ProjectTest, YarnHasNoHashOfWhatOtherPlatformsInstall) {
  const auto reason = [&](const std::string& conditions, const std::string& settings = "") {
    const std::string lock =
        "__metadata:\n  version: 8\n\n\"x@npm:1.0.0\":\n  version: 1.0.0\n  resolution: \"x@npm:1.0.0\"\n  "
        "conditions: " +
        conditions + "\n  languageName: node\n  linkType: hard\n";
    return refusal({{"package.json", kNeeds}, {"yarn.lock", lock}, {".yarnrc.yml", settings}, {"server.js", ""}});
  };
  for (const char* elsewhere : {"os=darwin & cpu=arm64", "os=linux & cpu=arm64", "os=linux & cpu=x64 & libc=musl",
                                "os=win32", "(os=darwin | os=win32) & cpu=x64", "\"!os=linux & cpu=x64\""})
    EXPECT_EQ(reason(elsewhere), "") << elsewhere;
  for (const char* here : {"os=linux & cpu=x64", "os=linux & cpu=x64 & libc=glibc", "(os=darwin | os=linux)",
                           "\"!os=win32\"", "(cpu=x64 | cpu=arm64) & os=linux", "cpu=x64"})
    EXPECT_EQ(reason(here), "unhashed_lock") << here;
  // What yarn does not write may say anything.
  for (const char* unknown : {"os=darwin | os=linux", "(os=darwin & cpu=x64) | os=linux", "os=darwin & os = linux",
                              "engine=x & os=darwin", "((os=darwin))", "!(os=darwin)", "(os=darwin", "os=darwin &", ""})
    EXPECT_EQ(reason(unknown), "unhashed_lock") << unknown;
  const std::string both = "supportedArchitectures:\n  os: [current, darwin]\n  cpu: [x64, arm64]\n";
  EXPECT_EQ(reason("os=darwin & cpu=arm64", both), "unhashed_lock") << "it is installed, too";
  EXPECT_EQ(reason("os=win32 & cpu=arm64", both), "");
  // Locks of yarn 1 know no such word.
  const std::string one =
      "x@1:\n  version \"1.0.0\"\n  resolved \"https://example.com/x.tgz#a1\"\n  conditions os=darwin\n";
  EXPECT_EQ(refusal({{"package.json", kNeeds}, {"yarn.lock", one}, {"server.js", ""}}), "unhashed_lock");
}

TEST_F(ProjectTest, Pnpm) {
  const std::string lock =
      "lockfileVersion: '9.0'\n\npackages:\n\n  tiny-greet@1.0.0:\n    resolution: {integrity: sha512-x}\n";
  const Look look = look_at({{"package.json", kNeeds}, {"pnpm-lock.yaml", lock}, {"server.js", ""}});
  EXPECT_EQ(look.pack, "pnpm");
  EXPECT_NE(
      commands(look).find("/tools/pnpm install --ignore-scripts --reporter=append-only --frozen-lockfile --store-dir "
                          "/cache/store --prod\n"),
      std::string::npos)
      << commands(look);
  const std::string unhashed = "packages:\n  bad@1.0.0:\n    resolution: {tarball: https://example.com/bad.tgz}\n";
  const Look refused = look_at({{"package.json", kNeeds}, {"pnpm-lock.yaml", unhashed}, {"server.js", ""}});
  EXPECT_NE(refused.message.find("found none of bad@1.0.0"), std::string::npos) << refused.message;
  const auto with = [&](const std::string& entry) {
    return refusal(
        {{"package.json", kNeeds}, {"pnpm-lock.yaml", "packages:\n\n  x@1.0.0:\n" + entry}, {"server.js", ""}});
  };
  for (const char* hashed :
       {"    resolution:\n      integrity: sha512-x\n",
        "    resolution: {\n      integrity: sha512-x}\n    dev: false\n",
        "    resolution: {directory: x, type: directory}\r\n", "    resolution: {commit: 0123, repo: x, type: git}\n"})
    EXPECT_EQ(with(hashed), "") << hashed;
  for (const char* bare :
       {"    resolution:\n      tarball: https://example.com/x.tgz\n", "    dependencies:\n      integrity: 1.0.0\n",
        "    resolution: {\n      tarball: https://example.com/x.tgz}\n  y@1.0.0:\n    resolution: {integrity: "
        "sha512-y}\n"})
    EXPECT_EQ(with(bare), "unhashed_lock") << bare;
}

TEST_F(ProjectTest, ANodeProjectThatBuildsIsBuiltAndPruned) {
  const std::string project =
      R"({"scripts": {"build": "tsc", "start": "node dist/server.js"}, "devDependencies": {"typescript": "5"}})";
  const Look look = look_at({{"package.json", project}, {"package-lock.json", kLock}});
  const std::string text = commands(look);
  EXPECT_NE(text.find("/tools/npm ci --ignore-scripts"), std::string::npos) << text;
  EXPECT_NE(text.find("/tools/npm run build\n"), std::string::npos) << text;
  EXPECT_NE(text.find("/tools/npm prune --omit=dev"), std::string::npos) << text;
}

TEST_F(ProjectTest, ANodeProjectIsStartedWithoutAShell) {
  const auto start = [](const std::string& command) { return R"({"scripts": {"start": ")" + command + R"("}})"; };
  EXPECT_EQ(refusal({{"package.json", start("node --no-warnings lib/serve.js --port 80")}, {"lib/serve.js", ""}}), "");
  EXPECT_EQ(refusal({{"package.json", start("node serve")}, {"serve.js", ""}}), "");
  EXPECT_EQ(refusal({{"package.json", start("node absent.js")}}), "no_entry_point");
  EXPECT_EQ(refusal({{"package.json", R"({"name": "x"})"}}), "no_entry_point");
  const Look shell = look_at({{"package.json", start("npm run prepare && node server.js")}, {"server.js", ""}});
  EXPECT_EQ(shell.plan.error().reason, "no_entry_point");
  EXPECT_NE(shell.message.find("needs a shell"), std::string::npos) << shell.message;
  codec::UnikYaml recipe;
  recipe.run_command = {"node", "other.js"};
  EXPECT_EQ(refusal({{"package.json", start("a && b")}}, BuildMode::kRelease, recipe), "");
}

}  // namespace
}  // namespace unik::runtimes
