// Sources of runtimes: what is wrong with one is found at once; where one is looked for, and in which order.
#include "runtimes/lib/runtime/runtime_source.hpp"

#include <gmock/gmock.h>

#include "runtimes/lib/runtime/external_source.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"
#include "tests/runtimes/lib/runtime_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RuntimeSources : public RuntimeTest {
 protected:
  codec::RuntimeLock one_package() {
    codec::RuntimeLock lock;
    lock.debian = {deb("lang", "1", {{"usr/bin/lang*", "x"}})};
    index_archive();
    return lock;
  }
  static constexpr const char* kRecipe = "packages: {debian: [lang]}\nkeep: [usr/bin/lang]\n";

  static std::string text_of(const std::vector<Fault>& faults) {
    std::string text;
    for (const Fault& fault : faults) text += to_string(fault) + "\n";
    return text;
  }

  Result<RuntimeImage> find(const BlobStore& blobs, const std::string& name) {
    said_.clear();
    RuntimeShelf shelf{blobs, dir_ / "roots", "runtimes", {dir_ / "sources"}, {}, {}, {}};
    shelf.say = [this](const std::string& text) { said_ += text + "\n"; };
    shelf.install = install_;
    shelf.build = [&](const RuntimeSource& source) -> Result<void> {
      ++builds_;
      const auto built = build_runtime(blobs, build_options(source));
      return built ? Result<void>() : Result<void>(built.error());
    };
    return find_runtime(shelf, name);
  }
  int builds_ = 0;
  std::function<Result<RegistryAnswer>(const RuntimeName&)> install_;
};

TEST_F(RuntimeSources, AreCheckedForEveryFaultAtOnce) {
  const fs::path directory = dir_ / "sources" / "python";
  write_file(directory / kManifestFile,
             "name: Python\nversion: 1.0\ndescription: \"\"\nplatforms: [linux/amd64]\nauthor: me\n");
  write_file(directory / kRecipeFile, "base: alpine\nkeep: [/usr/bin]\ncheck: {directory: gone, command: [x]}\n");
  const SourceCheck check = check_runtime_source(directory);
  const std::string text = text_of(check.faults);
  for (const char* part :
       {"manifest.yaml:1:7: name: want a name of lower-case", "manifest.yaml:2:10: version: want text, got a number",
        "description: want one line", "unknown field `author`", "unik.yaml:2:8: keep[0]: want a path without",
        "versions.lock: want this file, found none"})
    EXPECT_THAT(text, HasSubstr(part));
  const auto source = read_runtime_source(directory);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().reason, "bad_runtime");
  EXPECT_EQ(source.error().details, check.faults);
  EXPECT_EQ(read_runtime_source(dir_ / "nowhere").error().reason, "no_such_runtime");
}

TEST_F(RuntimeSources, WithAWrongPlatformHaveOneFault) {
  const RuntimeSource good = runtime("lang", kRecipe, one_package());
  const auto faults = [&](const std::string& platforms) {
    write_file(good.directory / kManifestFile,
               "name: lang\nversion: 1.0.0\ndescription: d\nplatforms: " + platforms + "\n");
    return check_runtime_source(good.directory).faults;
  };
  EXPECT_EQ(faults("[windows/amd64]").size(), 1U);
  ASSERT_EQ(faults("[]").size(), 1U);
  EXPECT_THAT(faults("[]").front().message, HasSubstr("want at least one platform, got none"));
  EXPECT_EQ(faults("linux/amd64").size(), 1U);
}

TEST_F(RuntimeSources, AreCheckedAcrossTheirFiles) {
  const RuntimeSource good = runtime("lang", kRecipe, one_package());
  write_file(good.directory / kManifestFile,
             "name: lang\nversion: 1.0.0\ndescription: d\nplatforms: [linux/amd64]\npackages: [gcc]\n");
  write_file(good.directory / kRecipeFile,
             "base: alpine\npackages: {debian: [lang, other]}\nkeep: [usr]\ncheck: {directory: gone, command: [x]}\n");
  const std::string text = text_of(check_runtime_source(good.directory).faults);
  for (const char* part :
       {"packages: `gcc` is not among the packages of unik.yaml", "base: want `base`, the one runtime",
        "check.directory: want a directory of the source, found no `gone`",
        "versions.lock: want a pin of Debian's other, which unik.yaml names, found none; `unikctl runtime lock lang"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST_F(RuntimeSources, WithALockThatMissesSomethingAreRefusedByThatName) {
  const RuntimeSource good = runtime("lang", kRecipe, one_package());
  write_file(good.directory / kLockFile, codec::print_runtime_lock({}));
  EXPECT_EQ(read_runtime_source(good.directory).error().reason, "incomplete_lock");
  EXPECT_OK(read_runtime_source(good.directory, false));
}

TEST_F(RuntimeSources, InADirectoryOfAnotherNameAreWarnedOf) {
  const RuntimeSource good = runtime("lang", kRecipe, one_package());
  fs::rename(good.directory, dir_ / "sources" / "other");
  const SourceCheck check = check_runtime_source(dir_ / "sources" / "other");
  EXPECT_THAT(check.faults, IsEmpty());
  EXPECT_THAT(check.warnings, ElementsAre(HasSubstr("named `other` and the runtime `lang`")));
  // The name is that of the manifest.
  EXPECT_EQ(find_runtime_source({dir_ / "sources"}, "lang"), dir_ / "sources" / "other");
  EXPECT_EQ(find_runtime_source({dir_ / "sources"}, "other"), "");
}

TEST_F(RuntimeSources, AreBuiltWhenNothingIsInstalledAndNotAgain) {
  runtime("lang", kRecipe, one_package());
  const BlobStore blobs = store();
  const auto first = find(blobs, "lang");
  ASSERT_OK(first);
  EXPECT_EQ(builds_, 1);
  EXPECT_THAT(said_, HasSubstr("runtime lang: not installed, built from " + (dir_ / "sources/lang").string()));
  EXPECT_EQ(first->name, "lang");
  EXPECT_EQ(first->version, "1.0.0");
  EXPECT_EQ(first->provides, (std::map<std::string, std::string>{{"lang", "3.11"}}));
  EXPECT_EQ(slurp(first->root / "usr/bin/lang"), "x");
  const auto second = find(blobs, "lang@1.0.0");
  ASSERT_OK(second);
  EXPECT_EQ(builds_, 1);
  EXPECT_THAT(said_, HasSubstr("runtime lang@1.0.0: runtimes/lang@1.0.0, installed"));
  EXPECT_EQ(*first, *second);
  ASSERT_OK(find(blobs, "runtimes/lang"));
}

TEST_F(RuntimeSources, GiveTheNewestInstalledVersionByNumber) {
  const BlobStore blobs = store();
  const codec::RuntimeLock lock = one_package();
  for (const char* version : {"1.9.9", "1.10.0", "1.2.0"}) {
    const auto built = build_runtime(blobs, build_options(runtime("lang", kRecipe, lock, version)));
    ASSERT_OK(built);
  }
  EXPECT_EQ(find(blobs, "lang")->version, "1.10.0");
  EXPECT_EQ(find(blobs, "lang@1.9.9")->version, "1.9.9");
  EXPECT_EQ(builds_, 0);
}

TEST_F(RuntimeSources, AreNeverFoundByTheLastPartOfAName) {
  const BlobStore blobs = store();
  RuntimeBuildOptions options = build_options(runtime("lang", kRecipe, one_package()));
  options.space = "reg.example/somebody/runtimes";
  ASSERT_OK(build_runtime(blobs, options));
  fs::remove_all(dir_ / "sources");
  const auto found = find(blobs, "lang");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().reason, "no_runtime");
  for (const std::string& part :
       {std::string("installed as runtimes/lang (there is reg.example/somebody/runtimes/lang@1.0.0)"),
        (dir_ / "sources/lang").string()})
    EXPECT_THAT(found.error().message, HasSubstr(part));
  ASSERT_OK(find(blobs, "reg.example/somebody/runtimes/lang@1.0.0"));
  // A qualified name means itself alone: no source of ours stands in for it.
  runtime("lang", kRecipe, one_package());
  EXPECT_EQ(find(blobs, "reg.example/other/lang").error().reason, "no_runtime");
  EXPECT_EQ(builds_, 0);
}

TEST_F(RuntimeSources, OfAnotherVersionAreNoAnswer) {
  runtime("lang", kRecipe, one_package());
  const auto found = find(store(), "lang@2.0.0");
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("it is of version 1.0.0"));
  EXPECT_EQ(find(store(), "Lang").error().reason, "bad_runtime_name");
}

TEST_F(RuntimeSources, ChangedUnderTheSameVersionAreLaidOutAnew) {
  const codec::RuntimeLock lock = one_package();
  const BlobStore blobs = store();
  runtime("lang", kRecipe, lock);
  const auto first = find(blobs, "lang");
  ASSERT_OK(first);
  const auto changed = runtime("lang", std::string(kRecipe) + "links: {usr/bin/alias: lang}\n", lock);
  ASSERT_OK(build_runtime(blobs, build_options(changed)));
  const auto second = find(blobs, "lang");
  ASSERT_OK(second);
  EXPECT_NE(first->root, second->root);
  EXPECT_TRUE(fs::is_symlink(second->root / "usr/bin/alias"));
  EXPECT_FALSE(fs::exists(first->root)) << "the old files stay for ever";
}

TEST_F(RuntimeSources, OfADirectoryOrOfGitAreFoundInTheUsualPlaces) {
  const RuntimeSource source = runtime("lang", kRecipe, one_package());
  const auto from = [&](const std::string& text) {
    return find_external_source(text, "lang", dir_ / "scratch", places_.environment);
  };
  EXPECT_EQ(*from((dir_ / "sources").string()), dir_ / "sources/lang");
  EXPECT_EQ(*from((dir_ / "sources/lang").string()), dir_ / "sources/lang");
  fs::create_directories(dir_ / "repository/runtimes");
  fs::copy(source.directory, dir_ / "repository/runtimes/lang");
  shell("cd " + (dir_ / "repository").string() +
        " && git init -q -b main && git add -A && git -c user.name=n -c user.email=e@example.org commit -qm one && "
        "git tag v1");
  for (const std::string ref : {"", "#main", "#v1"}) {
    const auto cloned = from("file://" + (dir_ / "repository").string() + ref);
    ASSERT_OK(cloned);
    EXPECT_EQ(slurp(*cloned / kRecipeFile), kRecipe);
  }
  EXPECT_EQ(from("file://" + (dir_ / "repository").string() + "#gone").error().reason, "git_failed");
  EXPECT_EQ(from("file://" + (dir_ / "nowhere").string()).error().reason, "git_failed");
  EXPECT_EQ(from("ext::sh -c touch% " + (dir_ / "owned").string() + "://x").error().reason, "git_failed");
  EXPECT_FALSE(fs::exists(dir_ / "owned"));
  EXPECT_EQ(from((dir_ / "nowhere").string()).error().reason, "no_such_runtime");
  EXPECT_EQ(from(dir_.string()).error().reason, "no_such_runtime");
}

// In this order: installed, the registries, the sources.
TEST_F(RuntimeSources, AreBuiltOnlyWhereNoRegistryHasTheRuntime) {
  const RuntimeSource source = runtime("lang", kRecipe, one_package());
  const BlobStore blobs = store();
  int asked = 0;
  install_ = [&](const RuntimeName& wanted) -> Result<RegistryAnswer> {
    ++asked;
    EXPECT_EQ(wanted, (RuntimeName{"runtimes", "lang", "1.0.0"}));
    const auto made = build_runtime(blobs, build_options(source));
    return made ? Result<RegistryAnswer>(RegistryAnswer{true, {}}) : Result<RegistryAnswer>(made.error());
  };
  ASSERT_OK(find(blobs, "lang@1.0.0"));
  EXPECT_THAT(said_, HasSubstr("installed from a registry"));
  EXPECT_EQ(builds_, 0);
  ASSERT_OK(find(blobs, "lang@1.0.0"));
  EXPECT_EQ(asked, 1) << "what is installed needs no registry";

  const BlobStore other = store("other");
  install_ = [](const RuntimeName&) -> Result<RegistryAnswer> {
    return RegistryAnswer{false, "the registry of nobody"};
  };
  ASSERT_OK(find(other, "lang"));
  EXPECT_EQ(builds_, 1);
  EXPECT_THAT(find(other, "cobol").error().message, HasSubstr("the registry of nobody"));
  // A package that cannot be trusted is not replaced by something else.
  const BlobStore third = store("third");
  install_ = [](const RuntimeName&) -> Result<RegistryAnswer> { return invalid("wrong_checksum", "other bytes"); };
  EXPECT_EQ(find(third, "lang").error().reason, "wrong_checksum");
  EXPECT_EQ(builds_, 1);
}

}  // namespace
}  // namespace unik::runtimes
