// From what a user calls a registry of runtimes to the files that are fetched.
#include "runtimes/lib/runtime/registry_place.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/release_page.hpp"

namespace unik::runtimes {
namespace {

using testing::HasSubstr;

TEST(RegistryPlaces, AreFoundFromEveryForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://example.org/runtimes/registry.json", "https://example.org/runtimes/registry.json"},
      {"https://example.org/runtimes/list.json", "https://example.org/runtimes/list.json"},
      {"https://example.org/runtimes", "https://example.org/runtimes/registry.json"},
      {"https://example.org/runtimes/", "https://example.org/runtimes/registry.json"},
      {"https://example.org/get?file=registry", "https://example.org/get?file=registry"},
      {"http://127.0.0.1:8080/", "http://127.0.0.1:8080/registry.json"},
      {"file:///srv/runtimes", "file:///srv/runtimes/registry.json"},
      {"file:///srv/runtimes/list.json", "file:///srv/runtimes/list.json"},
      {"/srv/runtimes/", "file:///srv/runtimes/registry.json"},
      {"https://github.com/team/runtimes", "https://raw.githubusercontent.com/team/runtimes/HEAD/registry.json"},
      {"https://github.com/team/runtimes.git", "https://raw.githubusercontent.com/team/runtimes/HEAD/registry.json"},
      {"https://github.com/team/runtimes/tree/release/2",
       "https://raw.githubusercontent.com/team/runtimes/release/2/registry.json"},
      {"https://github.com/team/runtimes/raw/main/registry.json",
       "https://github.com/team/runtimes/raw/main/registry.json"},
      {"https://gitlab.com/team/group/runtimes", "https://gitlab.com/team/group/runtimes/-/raw/HEAD/registry.json"},
      {"https://gitlab.com/team/runtimes/-/tree/main", "https://gitlab.com/team/runtimes/-/raw/main/registry.json"},
      {"https://bitbucket.org/team/runtimes/", "https://bitbucket.org/team/runtimes/raw/HEAD/registry.json"},
      {"https://codeberg.org/team/runtimes", "https://codeberg.org/api/v1/repos/team/runtimes/raw/registry.json"},
      {"https://codeberg.org/team/runtimes/src/branch/next",
       "https://codeberg.org/api/v1/repos/team/runtimes/raw/registry.json?ref=next"},
      {"https://git.sr.ht/~team/runtimes", "https://git.sr.ht/~team/runtimes/blob/HEAD/registry.json"},
      {"oci://registry.example/team/runtimes/", "oci://registry.example/team/runtimes"},
      {"oci://127.0.0.1:5000/team", "oci://127.0.0.1:5000/team"},
      // The root of this host's files.
      {"/", "file:///registry.json"},
      {"file:///", "file:///registry.json"},
      // A host that only looks like one of them.
      {"https://github.com.example.org/team/runtimes", "https://github.com.example.org/team/runtimes/registry.json"},
  };
  for (const auto& [text, url] : cases) {
    const auto found = registry_file_url(text);
    ASSERT_TRUE(found.ok()) << text << ": " << to_string(found.error());
    EXPECT_EQ(*found, url) << text;
  }
}

TEST(RegistryPlaces, SayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "got another form"},
      {"runtimes", "got another form"},
      {"ftp://example.org/", "got another form"},
      {"http://example.org/runtimes", "plain http could be changed on its way"},
      {"file://srv/runtimes", "a file's path is absolute"},
      {"git@github.com:team/runtimes", "write https://github.com/team/runtimes"},
      {"https://github.com/team", "the page of a repository there is https://github.com/OWNER/NAME"},
      {"https://github.com/team/runtimes/issues/5", "the page of a repository"},
      {"https://github.com/team/runtimes/tree", "the page of a repository"},
      {"https:///runtimes", "want"},
      {"oci://", "want oci://HOST[:PORT]/NAMESPACE"},
      {"oci://team/runtimes", "got no host, or no namespace"},
      {"oci://registry.example", "got no host, or no namespace"},
      {"oci://127.0.0.1:5000", "got no host, or no namespace"},
      {"oci://registry.example/team:1.0", "got one of its images"},
      {"oci://registry.example/Team", "lower-case"},
  };
  for (const auto& [text, told] : cases) {
    const auto found = registry_file_url(text);
    ASSERT_FALSE(found.ok()) << text << " became " << *found;
    EXPECT_EQ(found.error().reason, "bad_registry_url");
    EXPECT_THAT(found.error().message, HasSubstr(told)) << text;
  }
}

TEST(RegistryPlaces, SayWhereAPackageLies) {
  const std::string fetched = "https://example.org/runtimes/registry.json";
  EXPECT_EQ(*package_url(fetched, "https://cdn.example.org/x.tar.gz"), "https://cdn.example.org/x.tar.gz");
  EXPECT_EQ(*package_url(fetched, "lang/x.tar.gz"), "https://example.org/runtimes/lang/x.tar.gz");
  // Its neighbours on the branch of which it is.
  EXPECT_EQ(*package_url("https://example.org/a/registry.json?ref=b/c", "x.tar.gz"),
            "https://example.org/a/x.tar.gz?ref=b/c");
  EXPECT_EQ(*package_url("file:///srv/registry.json", "x.tar.gz"), "file:///srv/x.tar.gz");
  EXPECT_EQ(*package_url("file:///srv/registry.json", "file:///else/x.tar.gz"), "file:///else/x.tar.gz");
  EXPECT_EQ(*package_url(fetched, "http://localhost:1/x.tar.gz"), "http://localhost:1/x.tar.gz");
  const std::string space = "oci://registry.example/team";
  EXPECT_EQ(*package_url(space, "lang:1.0.0"), "oci://registry.example/team/lang:1.0.0");
  EXPECT_EQ(*package_url(space, "https://example.org/x.tar.gz"), "https://example.org/x.tar.gz");
  EXPECT_EQ(*package_url(fetched, "oci://registry.example/lang:1.0.0"), "oci://registry.example/lang:1.0.0");
  for (const char* refused : {"lang", "../lang:1.0.0", "file:///etc/passwd", "oci://registry.example/lang", "oci://x"})
    EXPECT_EQ(package_url(space, refused).error().reason, "bad_download_url") << refused;
  for (const char* refused : {"file:///etc/passwd", "../x.tar.gz", "/x.tar.gz", "a/../../x", "http://example.org/x",
                              "ftp://example.org/x", ""})
    EXPECT_EQ(package_url(fetched, refused).error().reason, "bad_download_url") << refused;
}

// Names that runtimes may have here, and no OCI registry takes.
TEST(RegistryPlaces, OfOciTakeSingleSeparators) {
  for (const char* name : {"a.b", "a--b", "a-b.c", "python-3.11-ml"})
    EXPECT_TRUE(oci_package(oci_package_url("oci://h.example/team", name, "1.0.0")).ok()) << name;
  for (const char* name : {"a..b", "a.-b", "a-.b"}) {
    const auto place = oci_package(oci_package_url("oci://h.example/team", name, "1.0.0"));
    ASSERT_FALSE(place.ok()) << name;
    EXPECT_NE(place.error().message.find("an OCI registry takes no name such as `team/" + std::string(name)),
              std::string::npos)
        << place.error().message;
  }
}

TEST(RegistryPlaces, SayHowAReleaseIsFound) {
  const auto at = [](const char* place) { return download_url_at(place, "lang@1.2.0", "lang", "1.2.0"); };
  EXPECT_EQ(at("https://example.org/packages"), "https://example.org/packages/lang/lang-1.2.0.tar.gz");
  EXPECT_EQ(at("https://example.org/packages/"), "https://example.org/packages/lang/lang-1.2.0.tar.gz");
  EXPECT_EQ(at("oci://registry.example/team/"), "oci://registry.example/team/lang:1.2.0");
  for (const char* page : {"https://github.com/team/runtimes/releases", "https://github.com/team/runtimes/releases/"})
    EXPECT_EQ(at(page), "https://github.com/team/runtimes/releases/download/lang@1.2.0/lang-1.2.0.tar.gz");
}

TEST(ReleasePages, AreToldFromTheirUrls) {
  const ReleaseAsset asset{"github.com/team/runtimes", "lang@1.2.0", "lang-1.2.0.tar.gz"};
  for (const char* tag : {"lang@1.2.0", "lang%401.2.0"})
    EXPECT_EQ(parse_release_asset("https://github.com/team/runtimes/releases/download/" + std::string(tag) +
                                  "/lang-1.2.0.tar.gz"),
              asset);
  for (const char* other :
       {"https://github.com/team/runtimes/releases/download/v1.0.0/", "https://example.org/lang-1.2.0.tar.gz",
        "https://github.com/runtimes/releases/download/v1.0.0/x", "https://github.com/a/b/c/releases/download/v1/x",
        "https://github.com/team/runtimes/releases/download/v1.0.0/x/y", "oci://h/releases/download/v1/x", ""})
    EXPECT_FALSE(parse_release_asset(other)) << other;
  for (const char* other : {"https://github.com/releases", "https://github.com/team/releases", "file:///a/b/releases",
                            "https://github.com/team/runtimes", "oci://h/team/runtimes/releases"})
    EXPECT_FALSE(is_release_page(other)) << other;
}

}  // namespace
}  // namespace unik::runtimes
