// From what a user calls a registry of runtimes to the URL of its `registry.json`, and from there to its packages.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "api/result.hpp"

namespace unik::runtimes {

// Takes `https:` and `file:` URLs and absolute paths, and `http:` on this host's loopback: a `registry.json` itself, a
// directory that holds one, or a repository's page at a common Git host, whose default branch (or the branch of the
// page) is meant. `oci://HOST/NAMESPACE` stays what it is (oci_place.hpp). Errors: `invalid/bad_registry_url`, with the
// form that would do.
Result<std::string> registry_file_url(std::string_view text);

// Where a package lies: `download_url` as it stands, or beside the registry file, in its namespace, when it has no
// scheme. A registry that is fetched names no file of this host, and no package goes over plain http but on loopback.
// Errors: `invalid/bad_download_url`.
Result<std::string> package_url(const std::string& registry_file, const std::string& download_url);

// `python-1.2.0.tar.gz`
std::string package_file_name(const std::string& name, const std::string& version);

// The reverse: what `download_url` says of a package of the release `tag` that others find at `place`: in an OCI
// namespace, on a page of releases, or below a directory.
std::string download_url_at(const std::string& place, const std::string& tag, const std::string& name,
                            const std::string& version);

}  // namespace unik::runtimes
