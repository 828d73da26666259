#include "cli/manifests.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "cli/deployed_image.hpp"
#include "cli/manifest_files.hpp"
#include "cli/packing.hpp"
#include "codec/field_place.hpp"
#include "codec/json.hpp"
#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::cli {
namespace {

// Whether an image has to be looked up before the control plane is asked: one that a tag names, or of a registry and
// known here (`store`, if there is one) as a container's. Of others with a digest the control plane says whether it has
// them.
bool floats(const runtimes::BlobStore* store, const std::string& image) {
  const auto name = runtimes::parse_image_name(image);
  if (!name) return false;
  if (!name->digest) return true;
  if (name->registry.empty()) return false;
  return !name->tag.empty() || (store != nullptr && is_known_container(*store, *name->digest));
}

Error no_object(const std::string& unik_yaml) {
  const std::string directory = std::filesystem::path(unik_yaml).parent_path().string();
  return invalid("no_manifest", "want a manifest, got `" + unik_yaml +
                                    "`, which says how a source is built: try `unikctl deploy " +
                                    (directory.empty() ? "." : directory) + "`");
}

std::string object_of(const codec::ParsedManifest& manifest) {
  return std::string(names_of(kind_of(manifest.resource)).singular) + "/" + metadata_of(manifest.resource).name;
}

// `fault` where `field` of the document stands.
Fault put_at(Fault fault, const Manifests& manifests, const codec::ParsedManifest& document) {
  for (const codec::ManifestText& text : manifests.texts) {
    if (text.name != document.where.file) continue;
    Fault place = codec::place_of_field(text, document.where, fault.path);
    place.path = std::move(fault.path);
    place.message = std::move(fault.message);
    return place;
  }
  return fault;
}

Error at_field(Error error, const Manifests& manifests, const codec::ParsedManifest& document,
               const std::string& field) {
  if (error.details.empty())
    error.details.push_back(put_at({"", 0, 0, field, "of " + object_of(document)}, manifests, document));
  return error;
}

std::filesystem::path source_of(const Session& session, const codec::ParsedManifest& manifest, const App& app) {
  const std::filesystem::path file =
      manifest.where.file == "-" ? std::filesystem::path() : std::filesystem::path(manifest.where.file);
  return (session.environment().working_dir / file.parent_path() / app.spec.source).lexically_normal();
}

// All that is wrong with any source, before an earlier one takes its time to build.
Result<void> check_sources(const Session& session, const Manifests& manifests) {
  std::optional<Error> first;
  for (const codec::ParsedManifest& manifest : manifests.documents) {
    const App* app = std::get_if<App>(&manifest.resource);
    if (app == nullptr || app->spec.source.empty()) continue;
    const auto packer = runtimes::choose_packer(source_of(session, manifest, *app));
    if (packer) continue;
    Fault fault = put_at({"", 0, 0, "spec.source", packer.error().message}, manifests, manifest);
    if (!first)
      first = Error{packer.error().code, packer.error().reason, "a source cannot be built, so none is", {}, ""};
    first->details.push_back(std::move(fault));
  }
  return first ? Result<void>(*std::move(first)) : Result<void>();
}

// What was meant for one tenant must not land in another.
Result<void> check_tenants(const Manifests& manifests, const std::string& tenant) {
  Error error =
      invalid("tenant_mismatch", "want what is of tenant " + tenant +
                                     ", which was chosen (--tenant, UNIKCTL_TENANT or the context), and found "
                                     "what is not");
  for (const codec::ParsedManifest& manifest : manifests.documents) {
    const Metadata& metadata = metadata_of(manifest.resource);
    const bool is_tenant = std::holds_alternative<Tenant>(manifest.resource);
    if (!is_tenant && !std::holds_alternative<App>(manifest.resource)) continue;
    const std::string& named = is_tenant ? metadata.name : metadata.tenant;
    if (named == tenant) continue;
    const std::string found = "want " + tenant + ", got " + named + "; say --tenant " + named + " if that is meant";
    const char* const field = is_tenant ? "metadata.name" : "metadata.tenant";
    error.details.push_back(put_at({"", 0, 0, field, found}, manifests, manifest));
  }
  return error.details.empty() ? Result<void>() : Result<void>(std::move(error));
}

Result<void> take_resolved(const Session& session, const Api& api, const runtimes::BlobStore& store, App& app,
                           const DeployedImage& image, Images images) {
  if (auto runs = check_program(app, image); !runs) return runs;
  if (images == Images::kSent)
    if (auto sent = upload(session, api, store, image); !sent) return sent;
  set_image(app, image);
  return {};
}

Result<void> prepare_image(const Session& session, const Api& api, const runtimes::BlobStore& store,
                           const Manifests& manifests, const codec::ParsedManifest& manifest, App& app, Images images) {
  if (app.spec.source.empty()) {
    const auto resolved = resolve_image(session, &api, store, app.spec.boot.image, {});
    if (!resolved) return at_field(resolved.error(), manifests, manifest, "spec.image");
    const auto taken = take_resolved(session, api, store, app, *resolved, images);
    return taken ? taken : Result<void>(at_field(taken.error(), manifests, manifest, "spec.image"));
  }
  PackRequest request;
  request.path = source_of(session, manifest, app);
  request.name = app.metadata.name;
  request.runtime = app.spec.runtime;
  request.debug = app.spec.boot.debug;
  const auto packed = pack(session, store, request);
  if (!packed) return at_field(packed.error(), manifests, manifest, "spec.source");
  if (images == Images::kSent)
    if (auto sent = upload(session, api, store, packed->image); !sent) return sent;
  app.spec.boot.image = to_string(packed->image.reference);
  app.spec.source.clear();
  app.spec.runtime.clear();
  return {};
}

// Each once.
std::vector<runtimes::Digest> images_of(const Manifests& manifests) {
  std::vector<runtimes::Digest> images;
  for (const codec::ParsedManifest& manifest : manifests.documents) {
    const App* const app = std::get_if<App>(&manifest.resource);
    const auto image = runtimes::parse_reference(app == nullptr ? "" : app->spec.boot.image);
    if (image) images.push_back(image->digest);
  }
  std::sort(images.begin(), images.end());
  images.erase(std::unique(images.begin(), images.end()), images.end());
  return images;
}

// On this host, whoever is trusted.
bool signed_here(const Session& session, const std::vector<runtimes::Digest>& images) {
  const auto store = open_store(session);
  if (!store) return false;
  return std::any_of(images.begin(), images.end(), [&](const runtimes::Digest& image) {
    const auto signatures = image_signatures(*store, image);
    return signatures && !signatures->empty();
  });
}

// The Apps whose image `refused` calls incomplete; each, where it names none of them.
std::set<std::string> half_apps(const Error& refused, const Manifests& manifests) {
  std::set<std::string> all;
  std::set<std::string> named;
  if (refused.reason != "image_incomplete") return named;
  for (const codec::ParsedManifest& manifest : manifests.documents)
    if (std::holds_alternative<App>(manifest.resource)) all.insert(object_of(manifest));
  for (const Fault& fault : refused.details)
    if (all.contains(fault.file)) named.insert(fault.file);
  return named.empty() ? all : named;
}

// After `refused`, which says that the control plane lacks one of them; of those of the Apps `half` it has a part.
Result<void> find_images(const Session& session, const Api& api, Manifests& manifests, Images images,
                         const Error& refused, const std::set<std::string>& half) {
  const auto store = open_store(session);
  if (!store) return store.error();
  for (codec::ParsedManifest& manifest : manifests.documents) {
    App* app = std::get_if<App>(&manifest.resource);
    if (app == nullptr) continue;
    // It has the manifest of one that is there in part, so it is not asked for that.
    const Api* const asked = half.contains(object_of(manifest)) ? nullptr : &api;
    const auto image = resolve_image(session, asked, *store, app->spec.boot.image, {});
    if (!image && image.error().reason == "no_such_image") return placed(refused, manifests);
    if (!image) return at_field(image.error(), manifests, manifest, "spec.image");
    if (auto taken = take_resolved(session, api, *store, *app, *image, images); !taken)
      return at_field(taken.error(), manifests, manifest, "spec.image");
  }
  return {};
}

// The control plane names one image at a time: each App's is sent once at most.
Result<ApplyReply> ask_until_whole(const Session& session, const Api& api, Manifests& manifests, const Ask& ask,
                                   Error refused) {
  std::set<std::string> sent;
  while (true) {
    const std::set<std::string> half = half_apps(refused, manifests);
    if (auto found = find_images(session, api, manifests, Images::kSent, refused, half); !found) return found.error();
    sent.insert(half.begin(), half.end());
    auto reply = ask(request_body(manifests), false);
    if (reply) return reply;
    refused = reply.error();
    const std::set<std::string> next = half_apps(refused, manifests);
    if (std::includes(sent.begin(), sent.end(), next.begin(), next.end())) return placed(refused, manifests);
  }
}

}  // namespace

Result<Manifests> read_manifests(const Session& session, const std::vector<std::string>& paths, const Target& target) {
  auto texts = read_manifest_files(session, paths);
  if (!texts) return texts.error();
  for (const codec::ManifestText& text : *texts)
    if (is_unik_yaml(text.name)) return no_object(text.name);
  auto documents = codec::parse_manifests(*texts, target.tenant);
  if (!documents) return documents.error();
  Manifests manifests{*std::move(texts), *std::move(documents)};
  if (target.tenant_chosen)
    if (auto checked = check_tenants(manifests, target.tenant); !checked) return checked.error();
  return manifests;
}

Result<void> prepare_images(const Session& session, const Api& api, Manifests& manifests, Images images) {
  if (auto checked = check_sources(session, manifests); !checked) return checked;
  const auto store = open_store(session);
  for (codec::ParsedManifest& manifest : manifests.documents) {
    App* app = std::get_if<App>(&manifest.resource);
    if (app == nullptr) continue;
    if (app->spec.source.empty() && !floats(store ? &*store : nullptr, app->spec.boot.image)) continue;
    if (!store) return store.error();
    if (auto prepared = prepare_image(session, api, *store, manifests, manifest, *app, images); !prepared)
      return prepared;
  }
  return {};
}

std::string request_body(const Manifests& manifests) {
  std::string body;
  for (const codec::ParsedManifest& manifest : manifests.documents) {
    if (!body.empty()) body += "---\n";
    body += codec::to_json(manifest.resource) + "\n";
  }
  return body;
}

Result<ApplyReply> ask_with_images(const Session& session, const Api& api, Manifests& manifests, Images images,
                                   const Ask& ask) {
  const bool promised = images == Images::kPromised;
  if (!promised) send_signatures(session, api, images_of(manifests));
  auto reply = ask(request_body(manifests), false);
  if (reply) return reply;
  const std::string lacks = reply.error().reason;
  const bool lacks_image = lacks == "image_unknown" || lacks == "image_incomplete";
  if (!lacks_image && !(promised && lacks == "unsigned_image" && signed_here(session, images_of(manifests))))
    return placed(reply.error(), manifests);
  if (lacks_image && !promised) return ask_until_whole(session, api, manifests, ask, reply.error());
  if (lacks_image)
    if (auto found = find_images(session, api, manifests, images, reply.error(), half_apps(reply.error(), manifests));
        !found)
      return found.error();
  if (promised)
    session.say(
        "an apply would send the images and signatures that the control plane lacks; what a tenant's policy "
        "says of them shows only then");
  reply = ask(request_body(manifests), promised);
  return reply ? reply : Result<ApplyReply>(placed(reply.error(), manifests));
}

Error placed(Error error, const Manifests& manifests) {
  for (Fault& fault : error.details) {
    if (fault.line != 0) continue;
    // Of two tenants' apps of one name nobody can tell which is meant.
    const codec::ParsedManifest* only = nullptr;
    std::size_t found = 0;
    for (const codec::ParsedManifest& manifest : manifests.documents)
      if (object_of(manifest) == fault.file) {
        only = &manifest;
        ++found;
      }
    if (found == 1) fault = put_at(std::move(fault), manifests, *only);
  }
  return error;
}

}  // namespace unik::cli
