// A registry of runtimes in an OCI namespace: what is published there, read again, and fetched, from Debian's registry.
#include "runtimes/lib/runtime/oci_registry.hpp"

#include <gmock/gmock.h>

#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/package_download.hpp"
#include "runtimes/lib/runtime/registry_access.hpp"
#include "runtimes/lib/runtime/registry_fetch.hpp"
#include "runtimes/lib/signature/base64.hpp"
#include "tests/runtimes/lib/lib_fixture.hpp"
#include "tests/runtimes/lib/registry_fixture.hpp"

namespace unik::runtimes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class OciRegistries : public LibTest {
 protected:
  void SetUp() override {
    LibTest::SetUp();
    ASSERT_TRUE(have("docker-registry")) << "apt-get install docker-registry";
    server_.emplace(dir_ / "registry", "ann:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n");
    ASSERT_TRUE(server_->up());
    space_ = "oci://" + server_->host() + "/team/runtimes";
    log_in("ann:s3cret", {server_->host()});
  }
  void log_in(const std::string& who, const std::vector<std::string>& hosts) {
    std::string entries;
    for (const std::string& host : hosts)
      entries += (entries.empty() ? "" : ",") + ("\"" + host) + R"(":{"auth":")" + to_base64(who) + "\"}";
    write_file(dir_ / "config.json", R"({"auths":{)" + entries + "}}");
    environment_ = {{"DOCKER_CONFIG", dir_.string()}};
  }

  RuntimePackage package(const std::string& bytes) {
    const fs::path file = dir_ / (to_hex(sha256(bytes)) + ".tar.gz");
    write_file(file, bytes);
    return {file, sha256(bytes), static_cast<std::int64_t>(bytes.size()), {}};
  }
  static RuntimeRelease release_of(const RuntimePackage& package) {
    RuntimeRelease release;
    release.version = {1, 0, 0};
    release.download_url = "lang:1.0.0";
    release.checksum = package.checksum;
    release.size = package.size;
    release.platforms = {"linux/amd64"};
    release.released_at = "2026-01-01T00:00:00Z";
    return release;
  }
  std::string list_of(const RuntimePackage& package) {
    return *add_release("", "lang", release_of(package), release_of(package).released_at);
  }
  // Its release of `lang`; nobody else is there to be waited for.
  void publish(const RuntimePackage& package) {
    ASSERT_OK(change_oci_registry(space_, addition_of("lang", release_of(package)), environment_, [] {}));
  }
  // As a publisher does who had read the registry before others have written it.
  void write_over(std::string_view text) {
    const auto name = oci_registry_file(space_);
    const auto client = open_repository(*name, environment_);
    const Descriptor file{
        std::string(kRegistryArtifact.media_type), sha256(text), static_cast<std::int64_t>(text.size()), {}};
    ASSERT_OK(push_artifact(**client, name->tag, kRegistryArtifact, file, blob_source(text)));
  }
  std::vector<FetchedRegistry> fetch() {
    const ConfiguredRegistry one{"one", space_, true, {}};
    return fetch_registries(std::vector{one}, dir_ / "cache", environment_,
                            [this](const std::string& text) { said_ += text + "\n"; });
  }
  Result<void> download(const std::string& space, const RuntimeRelease& release) {
    return download_package(space + "/lang:1.0.0", release, dir_ / "part", environment_, {});
  }

  std::optional<DebianRegistry> server_;
  std::string space_, said_;
  std::map<std::string, std::string> environment_;
};

TEST_F(OciRegistries, AreReadAsTheyWereWrittenAndNeverOverwritten) {
  EXPECT_EQ(read_oci_registry(space_, "", environment_).error().code, ErrorCode::kNotFound);
  const RuntimePackage first = package("the first"), other = package("another");
  for (const bool added : {true, false}) {
    const auto put = push_oci_package(space_ + "/lang:1.0.0", first, environment_);
    ASSERT_OK(put);
    EXPECT_EQ(*put, added);
  }
  const auto over = push_oci_package(space_ + "/lang:1.0.0", other, environment_);
  EXPECT_EQ(over.error().reason, "release_exists");
  EXPECT_THAT(over.error().message, AllOf(HasSubstr(to_string(first.checksum)), HasSubstr(to_string(other.checksum))));
  publish(first);
  const auto read = read_oci_registry(space_, "", environment_);
  ASSERT_OK(read);
  EXPECT_EQ(*read->text, list_of(first));
  EXPECT_EQ(read_oci_registry(space_, read->state, environment_)->text, std::nullopt) << "it is what is known";
  const auto again = change_oci_registry(space_, addition_of("lang", release_of(other)), environment_, [] {});
  EXPECT_EQ(again.error().reason, "release_exists");
  // What is no registry is told as such, and nothing is put over what is no package.
  EXPECT_EQ(push_oci_package(space_ + ":registry.json", first, environment_).error().reason, "release_exists");
  EXPECT_EQ(read_oci_registry(space_ + "/lang", "", environment_).error().code, ErrorCode::kNotFound);
}

TEST_F(OciRegistries, LoseNothingThatAnotherPublisherWritesOver) {
  const std::string theirs = *add_release("", "other", release_of(package("theirs")), "2026-01-01T00:00:00Z");
  int pauses = 0;
  const auto once = [&] {
    if (++pauses == 1) write_over(theirs);
  };
  const RuntimeRelease ours = release_of(package("ours"));
  ASSERT_OK(change_oci_registry(space_, addition_of("lang", ours), environment_, once));
  EXPECT_EQ(pauses, 2);
  const auto yank_once = [&, calls = 0]() mutable {
    if (++calls == 1) write_over(theirs);
  };
  // What was published in between is put back by who published it, not by who yanks.
  const auto yanked = change_oci_registry(space_, yank_of("lang", {1, 0, 0}, "now"), environment_, yank_once);
  EXPECT_EQ(yanked.error().reason, "no_such_runtime");
  const auto always = change_oci_registry(space_, addition_of("lang", ours), environment_, [&] { write_over(theirs); });
  EXPECT_EQ(always.error().reason, "registry_changed");
  EXPECT_EQ(always.error().code, ErrorCode::kConflict);
  ASSERT_OK(change_oci_registry(space_, addition_of("lang", ours), environment_, [] {}));
  const auto text = read_oci_registry(space_, "", environment_)->text;
  const auto both = parse_runtime_registry(*text, "it");
  ASSERT_OK(both);
  EXPECT_TRUE(both->runtimes.contains("lang") && both->runtimes.contains("other")) << *text;
}

TEST_F(OciRegistries, AreKeptAndUsedOffline) {
  publish(package("x"));
  ASSERT_THAT(fetch(), SizeIs(1));
  EXPECT_THAT(fetch().front().stale, IsEmpty());
  log_in("ann:wr0ng", {server_->host()});
  EXPECT_THAT(fetch().front().stale, Not(IsEmpty())) << "a login that does not do any more";
  log_in("ann:s3cret", {server_->host()});
  said_.clear();
  server_.reset();
  const auto offline = fetch();
  ASSERT_THAT(offline, SizeIs(1));
  EXPECT_THAT(offline.front().stale, Not(IsEmpty()));
  EXPECT_EQ(offline.front().registry.runtimes.at("lang").size(), 1U);
  EXPECT_THAT(said_, HasSubstr("registry one gives no answer that can be used; going by its last one"));
}

TEST_F(OciRegistries, ThatLetNobodyInAreLeftOut) {
  publish(package("x"));
  log_in("ann:wr0ng", {server_->host()});
  EXPECT_THAT(fetch(), SizeIs(0));
  EXPECT_THAT(said_, AllOf(HasSubstr("registry one: "), HasSubstr("check the credentials")));
  EXPECT_EQ(said_.find("wr0ng"), std::string::npos);
}

TEST_F(OciRegistries, GivePackagesThatAreGoneOnWith) {
  const std::string bytes(std::size_t{6} << 20, 'p');
  const RuntimePackage whole = package(bytes);
  ASSERT_OK(push_oci_package(space_ + "/lang:1.0.0", whole, environment_));
  CuttingProxy proxy(server_->port(), {2 << 20});
  log_in("ann:s3cret", {server_->host(), proxy.host()});
  write_file(dir_ / "part", bytes.substr(0, std::size_t{3} << 20));
  ASSERT_OK(download("oci://" + proxy.host() + "/team/runtimes", release_of(whole)));
  EXPECT_EQ(proxy.cut(), 1U);
  EXPECT_LT(proxy.moved(), std::int64_t{5} << 20) << "what was there was fetched again";
  EXPECT_EQ(slurp(dir_ / "part"), bytes);
}

TEST_F(OciRegistries, SayWhatTheyHaveBeforeAByteIsFetched) {
  const RuntimePackage whole = package("the package");
  ASSERT_OK(push_oci_package(space_ + "/lang:1.0.0", whole, environment_));
  RuntimeRelease release = release_of(whole);
  release.checksum = sha256("another");
  const auto other = download(space_, release);
  EXPECT_EQ(other.error().reason, "wrong_checksum");
  EXPECT_THAT(other.error().message,
              AllOf(HasSubstr(to_string(release.checksum)), HasSubstr(to_string(whole.checksum))));
  release = release_of(whole);
  release.size += 1;
  EXPECT_EQ(download(space_, release).error().reason, "wrong_size");
  EXPECT_EQ(download(space_ + "/nowhere", release_of(whole)).error().reason, "no_such_package");
  EXPECT_EQ(slurp(dir_ / "part"), "");
}

}  // namespace
}  // namespace unik::runtimes
