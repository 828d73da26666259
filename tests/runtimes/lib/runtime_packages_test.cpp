// Packages of runtimes: from which source they come, what is verified, and what becomes of a pin that has vanished.
#include <gmock/gmock.h>

#include "runtimes/lib/runtime/apt_archive.hpp"
#include "runtimes/lib/runtime/fetch_packages.hpp"
#include "runtimes/lib/runtime/npm_registry.hpp"
#include "tests/runtimes/lib/runtime_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RuntimePackages : public RuntimeTest {
 protected:
  Result<FetchedPackages> fetch(const codec::RuntimeLock& lock, BuildMode mode = BuildMode::kRelease) {
    said_.clear();
    return fetch_packages(places_, lock, mode, [this](const std::string& text) { said_ += text + "\n"; });
  }
  static codec::RuntimeLock lock_of(std::vector<codec::LockedDebian> debian) {
    codec::RuntimeLock lock;
    lock.debian = std::move(debian);
    return lock;
  }
};

TEST_F(RuntimePackages, ComeFromTheMachinesArchiveAndThenFromTheCache) {
  const auto pin = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  index_archive();
  const auto fetched = fetch(lock_of({pin}));
  ASSERT_OK(fetched);
  EXPECT_EQ(fetched->debian.at(0).file, dir_ / "cache/sha256" / pin.sha256);
  EXPECT_EQ(slurp(fetched->debian.at(0).file), slurp(dir_ / "archive" / pin.path));
  EXPECT_THAT(fetched->substituted, IsEmpty());
  // Nobody is asked for what the cache has.
  withdraw(pin);
  index_archive();
  ASSERT_OK(fetch(lock_of({pin})));
  EXPECT_EQ(said_, "");
}

TEST_F(RuntimePackages, AreFetchedAgainWhenTheCacheIsDamaged) {
  const auto pin = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  index_archive();
  const auto first = fetch(lock_of({pin}));
  ASSERT_OK(first);
  std::string bytes = slurp(first->debian.at(0).file);
  bytes.back() ^= 1;
  write_file(first->debian.at(0).file, bytes);
  const auto second = fetch(lock_of({pin}));
  ASSERT_OK(second);
  EXPECT_EQ(slurp(second->debian.at(0).file), slurp(dir_ / "archive" / pin.path));
}

TEST_F(RuntimePackages, ComeFromAMirrorWhenTheArchiveHasDroppedThem) {
  const auto pin = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  fs::create_directories(dir_ / "mirror");
  fs::rename(dir_ / "archive" / pin.path, dir_ / "mirror" / pin.path);
  withdraw(pin);
  deb("one", "2.0-1", {{"usr/share/one", "2"}});
  index_archive();
  places_.mirrors = {"file://" + (dir_ / "nowhere").string(), "file://" + (dir_ / "mirror").string()};
  const auto fetched = fetch(lock_of({pin}));
  ASSERT_OK(fetched);
  EXPECT_EQ(fetched->debian.at(0).package.version, "1.0-1");
  EXPECT_THAT(fetched->substituted, IsEmpty());
  EXPECT_THAT(said_, HasSubstr("one=1.0-1 from the mirror file://" + (dir_ / "mirror").string()));
}

TEST_F(RuntimePackages, OfAMirrorAreVerified) {
  const auto pin = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  std::string bytes = slurp(dir_ / "archive" / pin.path);
  bytes[bytes.size() / 2] ^= 1;
  write_file(dir_ / "mirror" / pin.path, bytes);
  withdraw(pin);
  index_archive();
  places_.mirrors = {"file://" + (dir_ / "mirror").string()};
  const auto fetched = fetch(lock_of({pin}));
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().reason, "wrong_package");
  EXPECT_THAT(fetched.error().message, HasSubstr(pin.sha256));
  write_file(dir_ / "mirror" / pin.path, bytes + "more");
  EXPECT_EQ(fetch(lock_of({pin})).error().reason, "wrong_package");
}

TEST_F(RuntimePackages, ThatHaveVanishedFailAReleaseAndAreReplacedElsewhere) {
  const auto gone = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  const auto stays = deb("two", "1.0-1", {{"usr/share/two", "1"}});
  withdraw(gone);
  const auto newer = deb("one", "1.0-2", {{"usr/share/one", "2"}});
  index_archive();
  const auto release = fetch(lock_of({gone, stays}));
  ASSERT_FALSE(release.ok());
  EXPECT_EQ(release.error().reason, "pin_vanished");
  for (const char* part : {"one=1.0-1", "runtime lock NAME --update", "none is configured in runtimes.mirrors"})
    EXPECT_THAT(release.error().message, HasSubstr(part));
  EXPECT_THAT(release.error().message, testing::Not(HasSubstr("two=1.0-1")));
  const auto development = fetch(lock_of({gone, stays}), BuildMode::kDebug);
  ASSERT_OK(development);
  EXPECT_EQ(development->debian.at(0).package, newer);
  EXPECT_EQ(development->debian.at(1).package, stays);
  EXPECT_THAT(development->substituted, ElementsAre("one=1.0-1 has vanished from the archives: took 1.0-2"));
}

TEST_F(RuntimePackages, ThatNoArchiveHasAnyVersionOfFailEverywhere) {
  const auto gone = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  withdraw(gone);
  index_archive();
  EXPECT_EQ(fetch(lock_of({gone}), BuildMode::kDebug).error().reason, "pin_vanished");
}

TEST_F(RuntimePackages, OfTheSameVersionWithOtherBytesAreNoReplacement) {
  const auto pin = deb("one", "1.0-1", {{"usr/share/one", "1"}});
  deb("one", "1.0-1", {{"usr/share/one", "another"}});
  index_archive();
  EXPECT_EQ(fetch(lock_of({pin})).error().reason, "pin_vanished");
}

TEST_F(RuntimePackages, OfNpmAreKnownByTheirIntegrity) {
  write_file(dir_ / "tree/package/bin/node", "a program", true);
  write_file(dir_ / "tree/package/package.json", "{}");
  const fs::path file = dir_ / "mirror/@scope/node/-/node-22.1.0.tgz";
  fs::create_directories(file.parent_path());
  shell("tar -C " + (dir_ / "tree").string() + " -czf " + file.string() + " package");
  const auto sum = sum_file(file, SumKind::kSha512);
  ASSERT_OK(sum);
  const std::string openssl = shell("openssl dgst -sha512 -binary " + file.string() + " | base64 -w0");
  EXPECT_EQ(integrity_of(*sum), "sha512-" + openssl);
  codec::RuntimeLock lock;
  lock.npm = {{"@scope/node", "22.1.0", static_cast<std::uint64_t>(sum->size), integrity_of(*sum)}};
  places_.environment["PATH"] = (dir_ / "no-tools").string();  // a machine without npm has its mirror
  places_.mirrors = {"file://" + (dir_ / "mirror").string()};
  const auto fetched = fetch(lock);
  ASSERT_OK(fetched);
  EXPECT_EQ(slurp(fetched->npm.at(0).file), slurp(file));
  lock.npm.at(0).integrity = "sha512-" + std::string(86, 'A') + "==";
  EXPECT_EQ(fetch(lock).error().reason, "wrong_package");
  places_.mirrors.clear();
  const auto nowhere = fetch(lock);
  EXPECT_EQ(nowhere.error().reason, "pin_vanished");
  EXPECT_THAT(nowhere.error().message, HasSubstr("apt-get install npm"));
}

TEST_F(RuntimePackages, AreLockedInTheVersionThatTheArchivePrefers) {
  deb("one", "1.0-1", {{"usr/share/one", "1"}});
  const auto newest = deb("one", "1.0-10", {{"usr/share/one", "2"}});
  index_archive();
  codec::RuntimeRecipe recipe;
  recipe.debian = {"one"};
  const auto lock = make_lock(places_, recipe, {});
  ASSERT_OK(lock);
  EXPECT_THAT(lock->debian, ElementsAre(newest));
  EXPECT_THAT(lock_faults(recipe, *lock), IsEmpty());
  recipe.debian = {"one", "nobody-has-this"};
  const auto unknown = make_lock(places_, recipe, {});
  EXPECT_EQ(unknown.error().reason, "no_such_package");
  EXPECT_THAT(unknown.error().message, HasSubstr("nobody-has-this"));
}

TEST(RuntimeLocks, AreNeverCompletedOrTakenWithExtras) {
  codec::RuntimeRecipe recipe;
  recipe.debian = {"a", "b"};
  recipe.npm = {{"node", "22"}};
  recipe.check.packages = {{"server", "2"}};
  codec::RuntimeLock lock;
  lock.debian = {{"b", "1", "amd64", "p", 1, ""}, {"c", "1", "amd64", "p", 1, ""}};
  lock.npm = {{"node", "220.0.0", 1, ""}, {"server", "2.1.0", 1, ""}};
  EXPECT_THAT(lock_faults(recipe, lock), ElementsAre("want a pin of Debian's a, which unik.yaml names, found none",
                                                     "want npm's node of the line 22, found 220.0.0",
                                                     "Debian's c is pinned, but unik.yaml does not name it"));
}

TEST(RuntimeLocks, ShowWhatDiffers) {
  codec::RuntimeLock before, after;
  before.debian = {{"a", "1", "", "", 1, "x"}, {"b", "1", "", "", 1, "x"}, {"d", "1", "", "", 1, "x"}};
  after.debian = {{"a", "2", "", "", 1, "y"}, {"c", "1", "", "", 1, "x"}, {"d", "1", "", "", 1, "x"}};
  EXPECT_THAT(lock_difference(before, after), ElementsAre("~ a 1 -> 2", "- b 1", "+ c 1"));
  EXPECT_THAT(lock_difference(after, after), IsEmpty());
}

TEST(AptRecords, WithoutAFileOfAnArchiveAreLeftOut) {
  const auto records = parse_apt_records(
      "Package: a\nVersion: 2\nArchitecture: amd64\nFilename: pool/a.deb\nSize: 5\nSHA256: ab\nDescription: x\n"
      " Filename: not this\n\nPackage: a\nVersion: 1\nStatus: install ok installed\nArchitecture: amd64\n\n"
      "N: a warning\n");
  EXPECT_THAT(records, ElementsAre(codec::LockedDebian{"a", "2", "amd64", "pool/a.deb", 5, "ab"}));
}

TEST(NpmVersions, AreComparedByNumbers) {
  EXPECT_EQ(newest_version("\"22.1.0\""), "22.1.0");
  EXPECT_EQ(newest_version("[\"22.9.0\", \"22.10.1\", \"22.10.0\", \"22.11.0-rc.1\"]"), "22.10.1");
  EXPECT_EQ(newest_version("[]"), "");
  EXPECT_EQ(newest_version("npm ERR!"), "");
  EXPECT_EQ(npm_path("@scope/name", "1.0.0"), "@scope/name/-/name-1.0.0.tgz");
}

}  // namespace
}  // namespace unik::runtimes
