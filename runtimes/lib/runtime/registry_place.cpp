#include "runtimes/lib/runtime/registry_place.hpp"

#include <algorithm>
#include <vector>

#include "runtimes/lib/runtime/oci_place.hpp"
#include "runtimes/lib/runtime/release_page.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"
#include "wire/endpoint.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kFileScheme = "file://";

Error bad_url(std::string_view text, const std::string& why) {
  return invalid("bad_registry_url", "registry `" + std::string(text) +
                                         "`: want https://…, oci://HOST/NAMESPACE, file:///… or the page of a Git "
                                         "repository; " +
                                         why);
}

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string joined_parts(const std::vector<std::string>& parts, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += (i == from ? "" : "/") + parts[i];
  return text;
}

// A page `OWNER/REPOSITORY` of a host, perhaps of a branch.
struct GitPage {
  std::string repository;  // with its owner; GitLab's may be deeper
  std::string branch;      // empty: the default one
};

// `markers` stand between repository and branch, as `tree` does. Empty when the path is no such page.
GitPage page_of(const std::vector<std::string>& parts, const std::vector<std::string>& markers, bool deep) {
  GitPage page;
  const auto marker = std::search(parts.begin(), parts.end(), markers.begin(), markers.end());
  const auto size = static_cast<std::size_t>(marker - parts.begin());
  if (size < 2 || (size > 2 && !deep)) return page;
  if (marker != parts.end() && size + markers.size() == parts.size()) return page;
  page.repository = joined_parts(parts, 0, size);
  if (page.repository.ends_with(".git")) page.repository.resize(page.repository.size() - 4);
  if (marker != parts.end()) page.branch = joined_parts(parts, size + markers.size(), parts.size());
  return page;
}

struct GitHost {
  std::string_view host;
  std::vector<std::string> markers;
  bool deep;                                                         // groups within groups
  std::string (*raw)(const GitPage& page, const std::string& file);  // the file's URL
};

std::string or_head(const std::string& branch) {
  return branch.empty() ? "HEAD" : branch;
}

const std::vector<GitHost>& git_hosts() {
  static const std::vector<GitHost> hosts = {
      {"github.com",
       {"tree"},
       false,
       [](const GitPage& page, const std::string& file) {
         return "https://raw.githubusercontent.com/" + page.repository + "/" + or_head(page.branch) + "/" + file;
       }},
      {"gitlab.com",
       {"-", "tree"},
       true,
       [](const GitPage& page, const std::string& file) {
         return "https://gitlab.com/" + page.repository + "/-/raw/" + or_head(page.branch) + "/" + file;
       }},
      {"bitbucket.org",
       {"src"},
       false,
       [](const GitPage& page, const std::string& file) {
         return "https://bitbucket.org/" + page.repository + "/raw/" + or_head(page.branch) + "/" + file;
       }},
      {"codeberg.org",
       {"src", "branch"},
       false,
       [](const GitPage& page, const std::string& file) {
         return "https://codeberg.org/api/v1/repos/" + page.repository + "/raw/" + file +
                (page.branch.empty() ? "" : "?ref=" + wire::percent_encode(page.branch));
       }},
      {"git.sr.ht",
       {"tree"},
       false,
       [](const GitPage& page, const std::string& file) {
         return "https://git.sr.ht/" + page.repository + "/blob/" + or_head(page.branch) + "/" + file;
       }},
  };
  return hosts;
}

std::string file_below(std::string url) {
  while (url.ends_with('/') && !url.ends_with("://")) url.pop_back();
  return url.ends_with(".json") ? url : url + "/" + std::string(kRegistryFile);
}

Result<std::string> fetched_file(std::string_view text) {
  const auto url = wire::parse_url(text);
  if (!url) return bad_url(text, url.error().message);
  if (url->endpoint.scheme == wire::Scheme::kHttp && !is_loopback(url->endpoint))
    return bad_url(text, "plain http could be changed on its way");
  for (const GitHost& host : git_hosts()) {
    if (url->endpoint.host != host.host || text.ends_with(".json")) continue;
    const GitPage page = page_of(path_parts(url->target), host.markers, host.deep);
    if (page.repository.empty())
      return bad_url(text, "the page of a repository there is https://" + std::string(host.host) + "/OWNER/NAME");
    return host.raw(page, std::string(kRegistryFile));
  }
  if (text.find('?') != std::string_view::npos) return std::string(text);
  return file_below(std::string(text));
}

// A path beside the registry that leaves nowhere.
bool stays_beside(const std::string& path) {
  const std::vector<std::string> parts = path_parts(path);
  return !path.starts_with('/') && !parts.empty() &&
         std::none_of(parts.begin(), parts.end(), [](const std::string& part) { return part == ".." || part == "."; });
}

// A package in an OCI namespace, by its whole URL.
Result<std::string> checked_oci_package(const std::string& url) {
  const auto name = oci_package(url);
  return name ? Result<std::string>(url) : Result<std::string>(name.error());
}

}  // namespace

Result<std::string> registry_file_url(std::string_view text) {
  if (text.starts_with('/')) return file_below(std::string(kFileScheme) + std::string(text));
  if (text.starts_with(kFileScheme)) {
    if (!text.substr(kFileScheme.size()).starts_with('/'))
      return bad_url(text, "a file's path is absolute: file:///srv");
    return file_below(std::string(text));
  }
  if (text.starts_with(kHttps) || text.starts_with(kHttp)) return fetched_file(text);
  if (is_oci_url(text)) {
    const auto file = oci_registry_file(text);
    if (!file) return file.error();
    while (text.ends_with('/')) text.remove_suffix(1);
    return std::string(text);
  }
  if (const std::size_t colon = text.find(':'); text.starts_with("git@") && colon != std::string_view::npos)
    return bad_url(
        text, "write https://" + std::string(text.substr(4, colon - 4)) + "/" + std::string(text.substr(colon + 1)));
  return bad_url(text, "got another form");
}

Result<std::string> package_url(const std::string& registry_file, const std::string& download_url) {
  const auto bad = [&](const std::string& why) {
    return invalid("bad_download_url", "download_url `" + download_url + "` of " + registry_file + ": " + why);
  };
  if (download_url.find("://") == std::string::npos) {
    if (!stays_beside(download_url)) return bad("want a URL, or a path beside the registry without `.` and `..`");
    if (is_oci_url(registry_file)) return checked_oci_package(registry_file + "/" + download_url);
    // A query says of which branch the file is, and its neighbours are of the same.
    const std::size_t mark = std::min(registry_file.find('?'), registry_file.size());
    const std::string file = registry_file.substr(0, mark);
    return file.substr(0, file.rfind('/') + 1) + download_url + registry_file.substr(mark);
  }
  if (is_oci_url(download_url)) return checked_oci_package(download_url);
  if (download_url.starts_with(kFileScheme)) {
    if (registry_file.starts_with(kFileScheme)) return download_url;
    return bad("want https:, since the registry itself is fetched, got a file of this host");
  }
  const auto url = wire::parse_url(download_url);
  if (!url) return bad(url.error().message);
  if (url->endpoint.scheme == wire::Scheme::kHttp && !is_loopback(url->endpoint))
    return bad("want https:, got plain http");
  return download_url;
}

std::string package_file_name(const std::string& name, const std::string& version) {
  return name + "-" + version + ".tar.gz";
}

std::string download_url_at(const std::string& place, const std::string& tag, const std::string& name,
                            const std::string& version) {
  if (is_oci_url(place)) return oci_package_url(place, name, version);
  const std::string file = package_file_name(name, version);
  if (is_release_page(place)) return release_asset_url(place, tag, file);
  return place + (place.ends_with('/') ? "" : "/") + name + "/" + file;
}

}  // namespace unik::runtimes
