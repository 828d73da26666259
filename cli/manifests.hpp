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

// Reads (cli/manifest_files.hpp) and parses; all faults of all files at once. Apps are of `target`'s tenant: one that
// names another is refused where that tenant was chosen, and so is another Tenant, `invalid`/`tenant_mismatch`.
Result<Manifests> read_manifests(const Session& session, const std::vector<std::string>& paths, const Target& target);

// What the control plane lacks of images and signatures is sent to it, or, where nothing is to be written, promised.
enum class Images { kSent, kPromised };

// Replaces each `source` by the image that it builds to and each name or tag by the digest that it stands for now, and
// sends the images, unless they are promised. What names a digest that only the control plane may know is left to
// `ask_with_images`. Every source is looked at before the first is built.
Result<void> prepare_images(const Session& session, const Api& api, Manifests& manifests, Images images);

// Several JSON documents as one YAML stream.
std::string request_body(const Manifests& manifests);

// Asks the control plane with the manifests as a body. Where it lacks an image that they name by digest, or a part of
// it, and this host or the image's registry has it, the image is sent, `manifests` name what became of it, and the
// question is asked again; signatures of images that it has are sent before. Nothing is sent of images that are
// promised: the question is asked again with that promise. Errors are `placed`.
using Ask = std::function<Result<ApplyReply>(const std::string& body, bool promised)>;
Result<ApplyReply> ask_with_images(const Session& session, const Api& api, Manifests& manifests, Images images,
                                   const Ask& ask);

// An error of the control plane, whose faults name an object and a field (`app/web`, `spec.health`), with the places of
// these fields in the files.
Error placed(Error error, const Manifests& manifests);

}  // namespace unik::cli
