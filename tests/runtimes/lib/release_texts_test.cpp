// The texts that a release changes: exactly what it must, and nothing else.
#include "runtimes/lib/runtime/release_texts.hpp"

#include <gtest/gtest.h>

namespace unik::runtimes {
namespace {

TEST(ReleaseTexts, ChangeTheVersionAlone) {
  EXPECT_EQ(*with_version("# version: 1\nname: lang\nversion: 1.0.0  # ours\nprovides: {lang: \"3\"}\n", {1, 4, 0}),
            "# version: 1\nname: lang\nversion: 1.4.0  # ours\nprovides: {lang: \"3\"}\n");
  EXPECT_EQ(*with_version("version: \"0.3.0\"   # ours\n", {0, 4, 0}), "version: \"0.4.0\"   # ours\n");
  EXPECT_EQ(*with_version("version:   '0.3.0'\r\n", {0, 4, 0}), "version:   '0.4.0'\r\n");
  const std::string same = "name: lang\nversion:\t\"1.2.3\" # as it is\n";
  EXPECT_EQ(*with_version(same, {1, 2, 3}), same);
  EXPECT_EQ(*with_version("version:", {1, 2, 3}), "version: 1.2.3");
  EXPECT_EQ(*with_version("name: lang\nversion: 1.0.0", {2, 0, 0}), "name: lang\nversion: 2.0.0");
  EXPECT_EQ(with_version("name: lang\n", {1, 0, 0}).error().reason, "bad_manifest");
}

TEST(ReleaseTexts, PutTheNewestChangesOnTop) {
  const std::string first = with_changes("", "lang", changes_section({1, 0, 0}, "2026-01-02", {"Begin"}));
  EXPECT_EQ(first, "# Changes of lang\n\n## 1.0.0 (2026-01-02)\n\n- Begin\n");
  EXPECT_EQ(with_changes(first, "lang", changes_section({1, 1, 0}, "2026-02-03", {})),
            "# Changes of lang\n\n## 1.1.0 (2026-02-03)\n\n- Released again; nothing of its source has changed\n\n"
            "## 1.0.0 (2026-01-02)\n\n- Begin\n");
  EXPECT_EQ(with_changes("# By hand\n", "lang", changes_section({1, 0, 0}, "2026-01-02", {"A", "B"})),
            "# By hand\n\n## 1.0.0 (2026-01-02)\n\n- A\n- B\n");
}

TEST(ReleaseTexts, KnowTheCommitsOfReleases) {
  EXPECT_EQ(release_message({"lang", {1, 0, 0}}), "Release lang@1.0.0");
  for (const ReleaseTag& tag : {ReleaseTag{"lang", {1, 0, 0}}, ReleaseTag{"", {1, 4, 0}}})
    EXPECT_TRUE(is_release_message(release_message(tag)));
  for (const char* other : {"Release the file early", "Release all runtimes at once", "Release lang@home", "Begin", ""})
    EXPECT_FALSE(is_release_message(other)) << other;
}

}  // namespace
}  // namespace unik::runtimes
