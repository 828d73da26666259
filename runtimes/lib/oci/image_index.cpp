#include "runtimes/lib/oci/image_index.hpp"

#include "codec/json_reader.hpp"

namespace unik::runtimes {
namespace {

// Attestations and the like stand in an index as images for this platform.
constexpr std::string_view kNoPlatform = "unknown";

}  // namespace

bool is_image_index(std::string_view json) {
  const auto document = codec::JsonDocument::parse(json, kMaxDocumentBytes);
  return document && document->root()["manifests"].is_array() && !document->root()["layers"].exists();
}

std::string media_type_of(std::string_view json) {
  const auto document = codec::JsonDocument::parse(json, kMaxDocumentBytes);
  return document ? document->root()["mediaType"].text_or(kManifestMediaType) : std::string(kManifestMediaType);
}

Result<Descriptor> choose_image(std::string_view index_json, const Platform& platform) {
  const auto bad = [](const std::string& what) { return invalid("bad_index", "index: " + what); };
  const auto document = codec::JsonDocument::parse(index_json, kMaxDocumentBytes);
  if (!document) return bad("want JSON, found something else");
  const codec::JsonView manifests = document->root()["manifests"];
  if (!manifests.is_array()) return bad("want a list `manifests`");
  if (manifests.size() > kMaxPlatforms) return bad("want at most " + std::to_string(kMaxPlatforms) + " manifests");
  std::string seen;
  for (auto entry = manifests.first(); entry.exists(); entry = entry.next()) {
    const std::string os = entry["platform"]["os"].text_or("");
    const std::string architecture = entry["platform"]["architecture"].text_or("");
    // A layout of one image often says nothing of a platform; the image's own config does then.
    const bool silent = os.empty() && architecture.empty() && manifests.size() == 1;
    if (!silent && (os != platform.os || architecture != platform.architecture)) {
      if (os != kNoPlatform) seen += (seen.empty() ? "" : ", ") + os + "/" + architecture;
      continue;
    }
    auto digest = parse_digest(entry["digest"].text_or(""));
    if (!digest) return bad("manifests: digest: " + digest.error().message);
    return Descriptor{entry["mediaType"].text_or(kManifestMediaType), *digest, entry["size"].integer().value_or(0), {}};
  }
  return not_found("no_such_platform", "index: want an image for " + platform.os + "/" + platform.architecture +
                                           ", found " + (seen.empty() ? "none" : seen));
}

}  // namespace unik::runtimes
