#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/python_locks.hpp"
#include "runtimes/lib/packs/python_markers.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

const std::string kHashed = "tiny-greet==1.0.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb  # why\n";
const std::string kAsks = "[project]\nname = \"x\"\ndependencies = [\"tiny-greet\"]\n";

TEST_F(ProjectTest, Pip) {
  const Look look = look_at({{"requirements.txt", kHashed}, {"main.py", ""}});
  EXPECT_EQ(look.pack, "pip");
  EXPECT_EQ(look.plan->lock, "requirements.txt");
  const std::string text = commands(look);
  EXPECT_NE(
      text.find("install: /tools/python3.11 -m pip install --require-hashes --no-deps --only-binary=:all: "
                "--no-compile --no-input --no-warn-script-location --disable-pip-version-check "
                "--root-user-action=ignore --cache-dir /cache --target /work/.site-packages -r requirements.txt\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("compile: PYTHONHASHSEED=0 /tools/python3.11 -c "), std::string::npos) << text;
  const Look plain = look_at({{"hello.py", ""}});
  EXPECT_EQ(plain.plan->steps.size(), 1U) << "the standard library alone needs no lock";
  EXPECT_EQ(plain.plan->lock, "");
  EXPECT_EQ(look_at({{"requirements.txt", "# none\n\n"}, {"main.py", ""}}).plan->steps.size(), 1U);
}

TEST_F(ProjectTest, AnUnpinnedRequirementIsNoLock) {
  const Look look = look_at({{"requirements.txt", kHashed + "flask>=2\n"}, {"main.py", ""}});
  EXPECT_EQ(look.plan.error().reason, "unhashed_lock");
  EXPECT_NE(look.message.find("found `flask>=2`"), std::string::npos) << look.message;
  EXPECT_EQ(refusal({{"requirements.txt", "-r other.txt\n"}, {"main.py", ""}}), "unhashed_lock");
  EXPECT_EQ(refusal({{"requirements.txt", "--index-url https://example.com\n" + kHashed}, {"main.py", ""}}), "");
  EXPECT_EQ(refusal({{"pyproject.toml", kAsks}, {"main.py", ""}}), "no_lock");
  EXPECT_EQ(refusal({{"pyproject.toml", "[project]\nname = \"x\"\n"}, {"main.py", ""}}), "");
  EXPECT_EQ(refusal({{"setup.py", "setup(install_requires=['x'])"}, {"main.py", ""}}), "no_lock");
  const Look pipfile = look_at({{"Pipfile", ""}, {"main.py", ""}});
  EXPECT_NE(pipfile.message.find("pipenv requirements --hash"), std::string::npos) << pipfile.message;
  EXPECT_EQ(refusal({{"pyproject.toml", "[broken"}, {"main.py", ""}}), "bad_project");
  const Look debug = look_at({{"requirements.txt", "flask>=2\n"}, {"main.py", ""}}, BuildMode::kDebug);
  ASSERT_OK(debug.plan);
  EXPECT_FALSE(debug.plan->deterministic);
  EXPECT_EQ(commands(debug).find("--require-hashes"), std::string::npos);
}

TEST_F(ProjectTest, RequirementsAreWheelsAlone) {
  const auto look = [&](const std::string& text, BuildMode mode = BuildMode::kRelease) {
    return look_at({{"requirements.txt", text}, {"main.py", ""}}, mode);
  };
  const std::string hash = " --hash=sha256:aa";
  for (const std::string& line : std::vector<std::string>{"--no-binary :all:",
                                                          "--no-binary=x",
                                                          "--only-binary=:none:",
                                                          "--no-bin :all:",
                                                          "--pre --no-binary :all:",
                                                          "-e .",
                                                          "--use-feature=x",
                                                          "tiny-greet==1.0.0" + hash + " --global-option=x",
                                                          "tiny-greet==1.0.0 \\\n  --install-option=x" + hash,
                                                          "tiny-greet==1.0.0" + hash + " # \f--no-binary :all:",
                                                          "--index-url x \\\n--no-binary x",
                                                          "./tiny-greet.tar.gz" + hash,
                                                          "tiny-greet-1.0.0.tar.gz" + hash,
                                                          "x @ https://example.com/x.zip" + hash,
                                                          "git+https://example.com/x.git@0123" + hash,
                                                          "-r https://example.com/x.txt",
                                                          "evil.ZIP" + hash,
                                                          "evil.zip[x]" + hash,
                                                          "a[b].tgz[x]" + hash,
                                                          "evil.Tar.GZ[x]" + hash,
                                                          "evil-1-py3-none-any.WHL" + hash,
                                                          "file:evil" + hash,
                                                          "\u00a0--no-binary :all:" + hash,
                                                          "\u00a0-e ." + hash,
                                                          "-r other.txt\u00a0"})
    for (const BuildMode mode : {BuildMode::kRelease, BuildMode::kDebug}) {
      const Look refused = look(kHashed + line + "\n", mode);
      EXPECT_EQ(refused.plan ? "" : refused.plan.error().reason, "not_a_wheel") << line << refused.message;
    }
  const Look foreign = look("\u00a0-e ." + hash + "\n");
  EXPECT_NE(foreign.message.find("`\\xc2\\xa0-e ."), std::string::npos) << foreign.message;
  EXPECT_NE(foreign.message.find("found a character beyond ASCII, which pip may take for a blank"), std::string::npos)
      << foreign.message;
  EXPECT_NE(
      look("--no-binary :all:\n").message.find("requirements.txt: `--no-binary :all:`: want packages of an index"),
      std::string::npos);
  for (const std::string& line : std::vector<std::string>{
           "-i https://example.com/simple", "--extra-index-url=x --find-links wheels", "--no-index",
           "--require-hashes --prefer-binary --only-binary :all:", "--trusted-host example.com",
           "x @ https://example.com/x-1.0.0-py3-none-any.whl" + hash, "./wheels/x-1-py3-none-any.whl" + hash,
           "x[a]==1; sys_platform == 'linux'" + hash, "x==1 --hash sha256:aa --hash=sha256:bb",
           "# na\u00efve: -e .\nx==1" + hash + "  # \u00a0--no-binary :all:", "\ufeffx==1" + hash,
           "x-1-py3-none-any.whl" + hash})
    EXPECT_EQ(look(line + "\n", BuildMode::kDebug).message, "") << line;
  EXPECT_EQ(look("../x-1-py3-none-any.whl" + hash).plan.error().reason, "unsafe_source");
  // What it includes is looked at, too.
  EXPECT_EQ(refusal({{"requirements.txt", "-r a/dev.txt"},
                     {"a/dev.txt", "-c ../b.txt"},
                     {"b.txt", "--no-binary x"},
                     {"main.py", ""}},
                    BuildMode::kDebug),
            "not_a_wheel");
  EXPECT_EQ(refusal({{"requirements.txt", "-r requirements.txt\nx"}, {"main.py", ""}}, BuildMode::kDebug), "");
}

TEST_F(ProjectTest, RequirementsAreReadInTheirEncoding) {
  const auto reason = [&](const std::string& text) {
    return refusal({{"requirements.txt", text}, {"main.py", ""}}, BuildMode::kDebug);
  };
  // Of UTF-7, this is `-e .`.
  const std::string hidden = "+AC0-e . --hash=sha256:aa\n";
  for (const std::string& comment : std::vector<std::string>{
           "# -*- coding: utf-7 -*-\n", "x==1\n#coding=UTF-7\n", "#\xc3\xa9 coding:latin-1\n",
           "# recoding=unicode_escape\n", "# coding:x coding: utf-7\n", "# coding: coding:utf-7\n"})
    EXPECT_EQ(reason(comment + hidden), "not_a_wheel") << comment;
  for (const std::string& comment :
       std::vector<std::string>{"# coding: utf-8\n", "# vim: set fileencoding=UTF-8 :\n", "#coding:ascii\n",
                                "# coding: \n", "# 1\n# 2\n# coding: utf-7\n", " # coding: utf-7\n"})
    EXPECT_EQ(reason(comment + "x==1\n"), "") << comment;
}

TEST_F(ProjectTest, IncludedRequirementsAreReadWhole) {
  const std::string long_text(static_cast<std::size_t>(kMaxSourceText), '\n');
  EXPECT_EQ(refusal({{"requirements.txt", "-r more.txt\n"}, {"more.txt", long_text + "-e .\n"}, {"main.py", ""}},
                    BuildMode::kDebug),
            "file_too_large");
}

TEST_F(ProjectTest, LongRequirementsAreReadInOnePass) {
  // The least of three, since other programs take time as well; in one pass eight times the text takes eight times as
  // long, and 64 times where each end of a line moves what follows.
  const auto least = [&](int line_ends) {
    std::string ends;
    for (int i = 0; i < line_ends; ++i) ends += "\u2028";
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 3; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_EQ(refusal({{"requirements.txt", ends + "-e ."}, {"main.py", ""}}), "not_a_wheel");
      best = std::min(best, std::chrono::steady_clock::now() - begin);
    }
    return best;
  };
  EXPECT_LT(least(400'000), 24 * least(50'000));
}

TEST_F(ProjectTest, PythonFindsItsEntryPoint) {
  EXPECT_EQ(refusal({{"serve/__main__.py", ""}, {"serve/__init__.py", ""}, {"pyproject.toml", ""}}), "");
  EXPECT_EQ(refusal({{"pyproject.toml", "[project.scripts]\nserve = \"hello.web:main\"\n"}, {"src/hello/web.py", ""}}),
            "");
  const Look none =
      look_at({{"pyproject.toml", "[project.scripts]\nserve = \"absent:main\"\n"}, {"a.py", ""}, {"b.py", ""}});
  EXPECT_EQ(none.plan.error().reason, "no_entry_point");
  EXPECT_NE(none.message.find("found a.py, b.py"), std::string::npos) << none.message;
}

// ---- Locks of others ----

const std::string kUvLock = R"(version = 1

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "tiny-greet", extra = ["loud"] },
    { name = "colorama", marker = "sys_platform == 'win32'" },
]

[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://example.com/simple" }
wheels = [{ url = "https://example.com/c.whl", hash = "sha256:cc" }]

[[package]]
name = "tiny-greet"
version = "1.0.0"
source = { registry = "https://example.com/simple" }
dependencies = [{ name = "words" }]
sdist = { url = "https://example.com/t.tar.gz", hash = "sha256:aa" }
wheels = [{ url = "https://example.com/t.whl", hash = "sha256:bb" }]

[package.optional-dependencies]
loud = [{ name = "bell" }]

[[package]]
name = "bell"
version = "3"
source = { registry = "https://example.com/simple" }
wheels = [{ url = "https://example.com/b.whl", hash = "sha256:dd" }]

[[package]]
name = "words"
version = "2"
source = { registry = "https://example.com/simple" }
wheels = [{ url = "https://example.com/w.whl", hash = "sha256:ee" }]

[[package]]
name = "unused"
version = "9"
source = { registry = "https://example.com/simple" }
)";

std::string joined(const Result<std::vector<std::string>>& lines) {
  if (!lines) return "<" + to_string(lines.error()) + ">";
  std::string text;
  for (const std::string& line : *lines) text += line + "\n";
  return text;
}

TEST_F(ProjectTest, UvLockIsReadForThisPlatform) {
  EXPECT_EQ(
      joined(requirements_of_uv(kUvLock, "3.11.2")),
      "bell==3 --hash=sha256:dd\ntiny-greet==1.0.0 --hash=sha256:aa --hash=sha256:bb\nwords==2 --hash=sha256:ee\n");
  const Look look = look_at({{"uv.lock", kUvLock}, {"pyproject.toml", kAsks}, {"main.py", ""}});
  EXPECT_EQ(look.pack, "uv");
  EXPECT_EQ(look.plan->lock, "uv.lock");
  EXPECT_EQ(look.plan->files.size(), 1U);
  EXPECT_NE(commands(look).find("--require-hashes --no-deps"), std::string::npos);
  std::string git = kUvLock;
  const std::size_t source = git.rfind("{ registry", git.find("sha256:ee"));
  git.replace(source, git.find('}', source) + 1 - source, "{ git = \"https://example.com/words\" }");
  const Look refused = look_at({{"uv.lock", git}, {"pyproject.toml", kAsks}, {"main.py", ""}});
  EXPECT_NE(refused.message.find("uv.lock: want words of a package index"), std::string::npos) << refused.message;
  EXPECT_EQ(requirements_of_uv("version = 1\n", "3.11.2").error().reason, "bad_lock");
  EXPECT_EQ(requirements_of_uv("[[package", "3.11.2").error().reason, "bad_toml");
}

const std::string kPoetryLock = R"toml([[package]]
name = "tiny-greet"
version = "1.0.0"
optional = false
files = [{file = "t.whl", hash = "sha256:bb"}]

[package.dependencies]
bell = {version = "*", optional = true}
colorama = {version = "*", markers = "platform_system == \"Windows\""}
Words_ = ">=1"

[package.extras]
loud = ["bell (>=1)"]

[[package]]
name = "bell"
version = "3"
files = [{file = "b.whl", hash = "sha256:dd"}]

[[package]]
name = "words-"
version = "2"
markers = "python_version < \"3\""
files = [{file = "w2.whl", hash = "sha256:00"}]

[[package]]
name = "words-"
version = "4"
markers = "python_version >= \"3\""
files = [{file = "w.whl", hash = "sha256:ee"}]
)toml";

TEST_F(ProjectTest, PoetryLockIsReadForThisPlatform) {
  const std::string project = "[tool.poetry.dependencies]\npython = \"^3.11\"\ntiny-greet = \"^1\"\n";
  EXPECT_EQ(joined(requirements_of_poetry(kPoetryLock, project, "3.11.2")),
            "tiny-greet==1.0.0 --hash=sha256:bb\nwords-==4 --hash=sha256:ee\n");
  EXPECT_EQ(
      joined(requirements_of_poetry(
          kPoetryLock, "[project]\ndependencies = [\"Tiny.Greet[loud] (>=1) ; os_name == 'posix'\"]\n", "3.11.2")),
      "bell==3 --hash=sha256:dd\ntiny-greet==1.0.0 --hash=sha256:bb\nwords-==4 --hash=sha256:ee\n");
  EXPECT_EQ(requirements_of_poetry(kPoetryLock, "[project]\ndependencies = [\"absent\"]\n", "3.11.2").error().reason,
            "bad_lock");
  const Look look = look_at({{"poetry.lock", kPoetryLock}, {"pyproject.toml", project}, {"main.py", ""}});
  EXPECT_EQ(look.pack, "poetry");
  EXPECT_EQ(refusal({{"poetry.lock", kPoetryLock}, {"uv.lock", kUvLock}, {"pyproject.toml", project}, {"main.py", ""}}),
            "ambiguous_lock");
  EXPECT_EQ(
      refusal(
          {{"poetry.lock", kPoetryLock}, {"requirements.txt", kHashed}, {"pyproject.toml", project}, {"main.py", ""}}),
      "ambiguous_lock");
}

TEST(PythonMarkers, HoldOnLinuxAndCPython) {
  for (const char* holds : {"", "sys_platform == 'linux'", "python_version >= '3.9'", "python_full_version < '3.11.3'",
                            "os_name != 'nt'", "python_version == '3.*'", "python_version ~= '3.8'",
                            "'linux' in sys_platform", "platform_machine not in 'arm64'",
                            "(os_name == 'nt' or sys_platform == 'linux') and implementation_name == 'cpython'",
                            "sys_platform == 'win32' and os_name == 'nt' or python_version > '3'",
                            "platform_release > '9'", "no marker at all"})
    EXPECT_TRUE(marker_holds(holds, "3.11.2")) << holds;
  for (const char* fails :
       {"sys_platform == 'win32'", "python_version < '3.10'", "python_version ~= '2.7'", "extra == 'x'",
        "python_version != '3.*'", "os_name == 'posix' and (sys_platform == 'darwin' or platform_system == 'Windows')"})
    EXPECT_FALSE(marker_holds(fails, "3.11.2")) << fails;
  EXPECT_TRUE(marker_holds(std::string(5000, '(') + "x", "3.11.2")) << "bounded, and unreadable";
  EXPECT_EQ(compare_versions("3.11", "3.9"), 1);
  EXPECT_EQ(compare_versions("3.11", "3.11.0"), 0);
}

}  // namespace
}  // namespace unik::runtimes
