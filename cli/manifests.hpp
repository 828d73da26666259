// The files of `-f`: read, parsed as a whole, their sources built, and written as one canonical text for the API.
#pragma once

#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/session.hpp"
#include "codec/manifest.hpp"

namespace unik::cli {

// Reads (cli/manifest_files.hpp) and parses; all faults of all files at once.
Result<std::vector<codec::ParsedManifest>> read_manifests(const Session& session, const std::vector<std::string>& paths,
                                                          const std::string& tenant);

// Replaces each `source` by the image that it builds to and each name or tag by the digest that it stands for now, and
// sends the images. A dry run needs them too: the control
// plane refuses an App whose image it does not have, and an image that nobody uses is only a blob.
Result<void> prepare_images(const Session& session, const Api& api, std::vector<codec::ParsedManifest>& manifests);

// Several JSON documents as one YAML stream.
std::string request_body(const std::vector<codec::ParsedManifest>& manifests);

}  // namespace unik::cli
