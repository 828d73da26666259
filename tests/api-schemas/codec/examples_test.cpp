// Every manifest of `examples/` is one that the product takes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/manifest.hpp"

namespace unik::codec {
namespace {

TEST(Examples, AreValidManifests) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(std::string(UNIK_SOURCE_DIR) + "/examples")) {
    if (entry.path().extension() != ".yaml" || entry.path().filename() == "unik.yaml") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    if (text.str().find("apiVersion: unikctl.dev/") == std::string::npos) continue;
    const ManifestText manifest{entry.path().filename(), text.str()};
    const auto parsed = parse_manifests(std::span(&manifest, 1));
    EXPECT_TRUE(parsed.ok()) << entry.path() << ": " << to_string(parsed.error());
    ++found;
  }
  EXPECT_GE(found, 2U);
}

}  // namespace
}  // namespace unik::codec
