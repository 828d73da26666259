// The objects of `-f`: parsed as a whole, their sources built, and written as one canonical text for the API.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/api.hpp"
#include "cli/session.hpp"
#include "codec/manifest.hpp"

namespace unik::cli {

struct Manifests {
  std::vector<codec::ManifestText> texts;
  std::vector<codec::ParsedManifest> documents;
};

// Reads (cli/manifest_files.hpp) and parses; all faults of all files at once.
Result<Manifests> read_manifests(const Session& session, const std::vector<std::string>& paths,
                                 const std::string& tenant);

// Replaces each `source` by the image that it builds to and each name or tag by the digest that it stands for now, and
// sends the images. What names a digest that only the control plane may know is left to `ask_with_images`. Every source
// is looked at before the first is built. A dry run needs the images too: the control plane refuses an App whose image
// it does not have, and an image that nobody uses is only a blob.
Result<void> prepare_images(const Session& session, const Api& api, Manifests& manifests);

// Several JSON documents as one YAML stream.
std::string request_body(const Manifests& manifests);

// Asks the control plane with the manifests as a body. Where it lacks an image that they name by digest, and this host
// or the image's registry has it, the image is sent, `manifests` name what became of it, and the question is asked
// again; signatures of images that it has are sent before. Errors are `placed`.
using Ask = std::function<Result<ApplyReply>(const std::string& body)>;
Result<ApplyReply> ask_with_images(const Session& session, const Api& api, Manifests& manifests, const Ask& ask);

// An error of the control plane, whose faults name an object and a field (`app/web`, `spec.health`), with the places of
// these fields in the files.
Error placed(Error error, const Manifests& manifests);

}  // namespace unik::cli
