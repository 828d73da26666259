#include "cli/deployed_image.hpp"

#include <fmt/format.h>

#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "cli/root_label.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/oci/image_import.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/container_pack.hpp"

namespace unik::cli {
namespace {

// An image that boots as it is, as the packers return theirs.
runtimes::PackedImage whole(const runtimes::ImageFacts& facts, const std::string& name) {
  runtimes::PackedImage image;
  image.reference = {name, facts.image.manifest.digest};
  image.manifest = facts.manifest;
  image.config = facts.config;
  for (const runtimes::Descriptor& layer : facts.manifest.layers)
    image.layers.push_back({runtimes::annotation(layer.annotations, runtimes::kLayerAnnotation), layer, true, {}});
  return image;
}

}  // namespace

Result<DeployedImage> stored_image(const Session& session, const runtimes::BlobStore& store,
                                   const runtimes::NamedImage& named, const std::string& name) {
  const auto facts = image_facts(store, named);
  if (!facts) return facts.error();
  if (!facts->missing.empty())
    return not_found("no_such_blob", "image " + named.name + ": want all its blobs in the store, found " +
                                         std::to_string(facts->missing.size()) + " missing; fetch or build it again");
  DeployedImage deployed;
  deployed.container = runs_as(facts->manifest) == runtimes::RunsAs::kContainer;
  if (!deployed.container || facts->manifest.annotations.contains(std::string(runtimes::kContainerAnnotation))) {
    deployed.image = whole(*facts, name);
  } else {
    auto base = runtimes::find_base_runtime(runtimes::base_runtime_places(home_of(session.environment())));
    if (!base) return base.error();
    auto packed = pack_container(store, {named.manifest.digest, name, *std::move(base)});
    if (!packed) return packed.error();
    session.say(fmt::format("container image of {} layers, {}: its root is outside the no-shell baseline",
                            facts->manifest.layers.size(), format_size(facts->size_bytes)));
    deployed.image = *std::move(packed);
  }
  deployed.reference = deployed.image->reference;
  return deployed;
}

Result<DeployedImage> resolve_image(const Session& session, const Api* api, const runtimes::BlobStore& store,
                                    const std::string& text, const RegistryFlags& flags) {
  const auto hold = store.hold();  // what is fetched stays until it is sent
  if (!hold) return hold.error();
  if (auto place = runtimes::parse_import_place(text)) {
    place->path = session.environment().working_dir / place->path;
    auto name = name_from(place->path.stem());
    if (!name) return name.error();
    const auto before = store.find_image(*name);
    const auto imported = import_image(store, *place, *name, {});
    if (!imported) return imported.error();
    session.say(text + " is " + to_string(imported->manifest.digest));
    auto deployed = stored_image(session, store, *imported, *name);
    if (deployed && before && before->manifest.digest != deployed->reference.digest)
      session.warn("the image " + *name + " of this host was " + to_string(before->manifest.digest) + ", and is now " +
                   text + ", named after its file");
    return deployed;
  }
  const auto name = runtimes::parse_image_name(text);
  if (!name) return name.error();
  const std::string plain = name_without_tag(*name);
  if (name->digest && api != nullptr) {
    const auto there = api->has_artifact(to_string(*name->digest));
    if (!there) return there.error();
    if (*there) return DeployedImage{{plain, *name->digest}, std::nullopt, is_known_container(store, *name->digest)};
  }
  if (name->registry.empty()) {
    const auto image = find_image(store, text);
    if (!image) return image.error();
    return stored_image(session, store, *image, plain);
  }
  const auto pulled = pull(session, store, *name, flags);
  if (!pulled) return pulled.error();
  session.say(text + " is " + to_string(pulled->image.manifest.digest));
  return stored_image(session, store, pulled->image, plain);
}

bool is_known_container(const runtimes::BlobStore& store, const runtimes::Digest& image) {
  const auto manifest = store.manifest(image);
  return manifest && runs_as(*manifest) == runtimes::RunsAs::kContainer;
}

Result<void> check_program(const App& app, const DeployedImage& image) {
  if (!image.image || !app.spec.boot.args.empty() || runs_as(image.image->manifest) == runtimes::RunsAs::kKernel)
    return {};
  const runtimes::ImageConfig& config = image.image->config;
  if (!config.entrypoint.empty() || !config.cmd.empty()) return {};
  return invalid("no_program", "image " + to_string(image.reference) +
                                   ": want one with an entry point or a command, found neither; name the program and "
                                   "its arguments behind `--`, or in spec.args");
}

Result<void> upload(const Session& session, const Api& api, const runtimes::BlobStore& store,
                    const DeployedImage& image) {
  if (image.image) return upload(session, api, store, *image.image);
  return upload_signatures(session, api, store, image.reference.digest);
}

void set_image(App& app, const DeployedImage& image) {
  app.spec.boot.image = to_string(image.reference);
  if (!image.container) return;
  app.spec.boot.writable = RootWritable::kEphemeral;
  app.metadata.labels[kRootLabel] = kContainerRoot;
}

}  // namespace unik::cli
