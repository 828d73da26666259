#include "runtimes/lib/runtime/release_page.hpp"

#include "wire/endpoint.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kReleases = "/releases";
constexpr std::string_view kDownload = "/releases/download/";
constexpr std::string_view kEncodedAt = "%40";  // as the page itself writes an `@` of a tag

std::string_view without_slash(std::string_view url) {
  if (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

// `HOST/OWNER/REPOSITORY`, of a URL that ends there. Empty: it is another.
std::string repository_of(std::string_view url) {
  const auto parsed = wire::parse_url(url);
  if (!parsed) return "";
  const std::string_view path = std::string_view(parsed->target).substr(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) return "";
  if (path.find_first_of("/?", slash + 1) != std::string_view::npos) return "";
  return std::string(url.substr(url.find("://") + 3));
}

}  // namespace

bool is_release_page(std::string_view url) {
  url = without_slash(url);
  return url.ends_with(kReleases) && !repository_of(url.substr(0, url.size() - kReleases.size())).empty();
}

std::optional<ReleaseAsset> parse_release_asset(std::string_view url) {
  const std::size_t mark = url.find(kDownload);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view rest = url.substr(mark + kDownload.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size()) return std::nullopt;
  ReleaseAsset asset{repository_of(url.substr(0, mark)), std::string(rest.substr(0, slash)),
                     std::string(rest.substr(slash + 1))};
  if (asset.repository.empty() || asset.file.find_first_of("/?") != std::string::npos) return std::nullopt;
  for (std::size_t at = 0; (at = asset.tag.find(kEncodedAt, at)) != std::string::npos; ++at)
    asset.tag.replace(at, kEncodedAt.size(), "@");
  return asset;
}

std::string release_asset_url(std::string_view page, const std::string& tag, const std::string& file) {
  return std::string(without_slash(page)) + "/download/" + tag + "/" + file;
}

}  // namespace unik::runtimes
