// Files that a Node project's build left for a web server: served as such, by a small server that the pack lays beside
// them. It listens on $PORT, or 8080; answers GET and HEAD; a directory by its index.html, `page` by page.html, what is
// not there by 404.html; and it leaves the directory by no path and no link.
#pragma once

#include <optional>
#include <string>

#include "runtimes/lib/pack/pack.hpp"

namespace unik::runtimes {

// The directory with an index.html that the source did not have, by its path in `work`.
std::optional<std::string> find_static_site(const PackContext& context);

// In words, for errors: `dist, build`.
std::string static_site_places();

Result<Launch> launch_static_site(const PackContext& context, const std::string& site);

}  // namespace unik::runtimes
