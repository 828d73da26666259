#include "cli/manifests.hpp"

#include <filesystem>

#include "cli/deployed_image.hpp"
#include "cli/manifest_files.hpp"
#include "cli/packing.hpp"
#include "codec/json.hpp"

namespace unik::cli {
namespace {

// Whether an image has to be looked up: by a tag, in a registry, or in this host's store.
bool floats(const std::string& image) {
  const auto name = runtimes::parse_image_name(image);
  return name && (!name->digest || !name->registry.empty());
}

Error no_object(const std::string& unik_yaml) {
  const std::string directory = std::filesystem::path(unik_yaml).parent_path().string();
  return invalid("no_manifest", "want a manifest, got `" + unik_yaml +
                                    "`, which says how a source is built: try `unikctl deploy " +
                                    (directory.empty() ? "." : directory) + "`");
}

Error at_field(Error error, const codec::ParsedManifest& manifest, const std::string& field) {
  if (error.details.empty())
    error.details.push_back({manifest.where.file, manifest.where.line, manifest.where.column, field,
                             "of app/" + metadata_of(manifest.resource).name});
  return error;
}

}  // namespace

Result<std::vector<codec::ParsedManifest>> read_manifests(const Session& session, const std::vector<std::string>& paths,
                                                          const std::string& tenant) {
  const auto texts = read_manifest_files(session, paths);
  if (!texts) return texts.error();
  for (const codec::ManifestText& text : *texts)
    if (is_unik_yaml(text.name)) return no_object(text.name);
  return codec::parse_manifests(*texts, tenant);
}

Result<void> prepare_images(const Session& session, const Api& api, std::vector<codec::ParsedManifest>& manifests) {
  for (codec::ParsedManifest& manifest : manifests) {
    App* app = std::get_if<App>(&manifest.resource);
    if (app == nullptr) continue;
    if (app->spec.source.empty() && !floats(app->spec.boot.image)) continue;
    const auto store = open_store(session);
    if (!store) return store.error();
    if (app->spec.source.empty()) {
      const auto resolved = resolve_image(session, &api, *store, app->spec.boot.image, {});
      if (!resolved) return at_field(resolved.error(), manifest, "spec.image");
      if (resolved->image)
        if (auto sent = upload(session, api, *store, *resolved->image); !sent) return sent;
      set_image(*app, *resolved);
      continue;
    }
    PackRequest request;
    const std::filesystem::path file =
        manifest.where.file == "-" ? std::filesystem::path() : std::filesystem::path(manifest.where.file);
    request.path = (session.environment().working_dir / file.parent_path() / app->spec.source).lexically_normal();
    request.name = app->metadata.name;
    request.debug = app->spec.boot.debug;
    const auto packed = pack(session, *store, request);
    if (!packed) return at_field(packed.error(), manifest, "spec.source");
    if (auto sent = upload(session, api, *store, packed->image); !sent) return sent;
    app->spec.boot.image = to_string(packed->image.reference);
    app->spec.source.clear();
  }
  return {};
}

std::string request_body(const std::vector<codec::ParsedManifest>& manifests) {
  std::string body;
  for (const codec::ParsedManifest& manifest : manifests) {
    if (!body.empty()) body += "---\n";
    body += codec::to_json(manifest.resource) + "\n";
  }
  return body;
}

}  // namespace unik::cli
