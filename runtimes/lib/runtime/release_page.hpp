// Releases of a repository's page, as GitHub has them: `https://HOST/OWNER/REPOSITORY/releases`, with the files of a
// tag below `/download/TAG/`. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unik::runtimes {

bool is_release_page(std::string_view url);

// A file of a release.
struct ReleaseAsset {
  std::string repository;  // `HOST/OWNER/REPOSITORY`
  std::string tag;
  std::string file;

  bool operator==(const ReleaseAsset&) const = default;
};

// Empty where `url` names none.
std::optional<ReleaseAsset> parse_release_asset(std::string_view url);

// The URL of a file of the release `tag`.
std::string release_asset_url(std::string_view page, const std::string& tag, const std::string& file);

}  // namespace unik::runtimes
