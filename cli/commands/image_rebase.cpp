// image rebase: other layers below an app, its own untouched; apps that declare `rebase: auto` follow.
#include <algorithm>
#include <memory>
#include <optional>

#include "cli/commands/commands.hpp"
#include "cli/deployed_image.hpp"
#include "cli/packing.hpp"
#include "cli/signing_keys.hpp"
#include "codec/json.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/pack/rebase.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::cli {
namespace {

using runtimes::BlobStore;
using runtimes::Digest;
using runtimes::ImageBase;
using runtimes::Manifest;
using runtimes::NamedImage;

struct RebaseOptions {
  std::vector<std::string> names;
  bool all = false;
  std::string from;
  std::string to;   // empty: this host's base runtime
  std::string key;  // a secret one, to sign the results with; empty: they are not signed
};

// An image of the store that has been rebased, now or before.
struct Moved {
  Digest from;  // what its name stood for
  runtimes::Reference to;
};

// The images of the store that unikctl built, with their manifests.
struct Candidate {
  NamedImage image;
  Manifest manifest;
};

Result<std::vector<Candidate>> built_images(const Session& session, const BlobStore& store) {
  const auto images = store.images();
  if (!images) return images.error();
  std::vector<Candidate> found;
  for (const NamedImage& image : *images) {
    const auto manifest = store.manifest(image.manifest.digest);
    if (!manifest)
      session.warn(image.name + ": " + manifest.error().message);
    else if (runs_as(*manifest) == runtimes::RunsAs::kUnikernel && find_layer(*manifest, "base") != nullptr)
      found.push_back({image, *manifest});
  }
  return found;
}

Digest layer_digest(const Manifest& manifest, std::string_view layer) {
  const runtimes::Descriptor* found = find_layer(manifest, layer);
  return found == nullptr ? Digest{} : found->digest;
}

// `--from` and `--to`: an image by name or digest, what an app of that name stands on, or the digest of a layer `base`
// as `image list -o wide` shows it.
Result<ImageBase> find_base(const BlobStore& store, const std::vector<Candidate>& images, const std::string& text) {
  const auto image = find_image(store, text);
  if (image) return base_of_image(store, *image);
  const auto digest = runtimes::parse_digest(text);
  if (!digest) return image.error();
  for (const Candidate& candidate : images) {
    if (layer_digest(candidate.manifest, "base") != *digest) continue;
    auto base = base_of_image(store, candidate.image);
    if (!base) return base;
    std::erase_if(base->layers, [&](const runtimes::LayerBlob& layer) {
      return layer.descriptor.digest == layer_digest(candidate.manifest, "runtime");
    });
    return ImageBase{text, "", std::move(base->layers), {}, {}};
  }
  return not_found("no_such_base", "want an image of the store, or the digest of the base that one stands on, got `" +
                                       text + "`; `unikctl image list -o wide` shows them");
}

Result<ImageBase> target_base(const Session& session, const BlobStore& store, const std::vector<Candidate>& images,
                              const std::string& to) {
  if (!to.empty()) return find_base(store, images, to);
  const auto base = runtimes::find_base_runtime(runtimes::base_runtime_places(home_of(session.environment())));
  if (!base) return base.error();
  return base_of_host(store, *base);
}

bool stands_on(const Manifest& manifest, const ImageBase& base) {
  return std::all_of(base.layers.begin(), base.layers.end(), [&](const runtimes::LayerBlob& layer) {
    return std::any_of(manifest.layers.begin(), manifest.layers.end(),
                       [&](const runtimes::Descriptor& there) { return there.digest == layer.descriptor.digest; });
  });
}

Result<std::vector<NamedImage>> chosen_images(const BlobStore& store, const std::vector<Candidate>& images,
                                              const RebaseOptions& options) {
  std::vector<NamedImage> chosen;
  for (const std::string& name : options.names) {
    auto image = find_image(store, name);
    if (!image) return image.error();
    chosen.push_back(*std::move(image));
  }
  if (!options.all) return chosen;
  const auto from = find_base(store, images, options.from);
  if (!from) return from.error();
  for (const Candidate& candidate : images)
    if (find_layer(candidate.manifest, "app") != nullptr && stands_on(candidate.manifest, *from))
      chosen.push_back(candidate.image);
  return chosen;
}

// What the runtime below an app put into its environment, as far as that runtime is in the store.
std::map<std::string, std::string> environment_below(const BlobStore& store, const std::vector<Candidate>& images,
                                                     const NamedImage& image) {
  const auto manifest = store.manifest(image.manifest.digest);
  if (!manifest || find_layer(*manifest, "runtime") == nullptr) return {};
  for (const Candidate& candidate : images)
    if (find_layer(candidate.manifest, "app") == nullptr &&
        layer_digest(candidate.manifest, "runtime") == layer_digest(*manifest, "runtime"))
      if (const auto base = base_of_image(store, candidate.image)) return base->environment;
  return {};
}

// Whether the app runs what was rebased: that very image, or an older one of the name with the same files of the app's.
bool follows(const BlobStore& store, const runtimes::Reference& runs, const Moved& move) {
  if (runs.digest == move.from) return true;
  const auto theirs = store.manifest(runs.digest), ours = store.manifest(move.to.digest);
  return runs.name == move.to.name && theirs && ours && find_layer(*theirs, "app") != nullptr &&
         layer_digest(*theirs, "app") == layer_digest(*ours, "app");
}

Result<void> roll_app(const Session& session, const Api& api, const BlobStore& store, App app,
                      const runtimes::Reference& to) {
  const auto size = store.size_of(to.digest);
  const NamedImage named{to.name, {std::string(runtimes::kManifestMediaType), to.digest, size.value_or(0), {}}};
  const auto image = stored_image(session, store, named, to.name);
  if (!image) return image.error();
  if (image->image)
    if (auto sent = upload(session, api, store, *image->image); !sent) return sent;
  set_image(app, *image);
  const auto reply = api.apply(codec::to_json(Resource(app)));
  if (!reply) return reply.error();
  session.say("app/" + app.metadata.name + " rolls over to it");
  return {};
}

// Apps that say that they follow. What one of them fails of keeps no other back; the next rebase tries it again.
Result<void> roll_apps(const Session& session, const BlobStore& store, const std::vector<Moved>& rebased) {
  const auto api = session.find_api();
  if (!api) return api.error();
  if (!api->ready()) {
    session.say("no control plane answers at " + api->where() +
                ": no app was moved; another rebase moves those that follow");
    return {};
  }
  const auto apps = api->apps();
  if (!apps) return apps.error();
  std::optional<Error> first;
  for (const AppView& view : apps->items) {
    const auto runs = runtimes::parse_reference(view.app.spec.boot.image);
    if (view.app.spec.rebase != Rebase::kAuto || !runs) continue;
    const auto move =
        std::find_if(rebased.begin(), rebased.end(), [&](const Moved& one) { return follows(store, *runs, one); });
    if (move == rebased.end() || runs->digest == move->to.digest) continue;
    if (auto rolled = roll_app(session, *api, store, view.app, move->to); !rolled) {
      session.warn("app/" + view.app.metadata.name + ": " + rolled.error().message);
      if (!first) first = rolled.error();
    }
  }
  return first ? Result<void>(*std::move(first)) : Result<void>();
}

// A rebase is another image: who vouched for the old one has said nothing of it.
Result<void> sign_rebased(const Session& session, const BlobStore& store, const NamedImage& old, const Digest& fresh,
                          const std::optional<runtimes::SecretKey>& key) {
  if (key) {
    const auto signature = sign_stored_image(store, fresh, *key);
    return signature ? Result<void>() : Result<void>(signature.error());
  }
  const auto before = image_signatures(store, old.manifest.digest), after = image_signatures(store, fresh);
  if (before && !before->empty() && after && after->empty())
    session.warn("image/" + old.name + " was signed and what came of it is not: `unikctl image sign " + old.name +
                 " --key FILE`, or --key here");
  return {};
}

Result<int> rebase(const Session& session, const RebaseOptions& options) {
  if (options.all == !options.names.empty() || options.all == options.from.empty())
    return invalid("usage", "want images by name, or --all --from BASE for those that stand on one");
  const auto key = read_signing_key(session, options.key);
  if (!key) return key.error();
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto hold = store->hold();
  if (!hold) return hold.error();
  const auto images = built_images(session, *store);
  if (!images) return images.error();
  const auto to = target_base(session, *store, *images, options.to);
  if (!to) return to.error();
  const auto chosen = chosen_images(*store, *images, options);
  if (!chosen) return chosen.error();
  if (chosen->empty()) session.say("no image of the store stands on " + options.from);

  std::vector<Moved> moved;
  std::vector<Error> refused;
  for (const NamedImage& image : *chosen) {
    const auto rebased = rebase_image(*store, image, *to, environment_below(*store, *images, image));
    if (!rebased) {
      refused.push_back(rebased.error());
      continue;
    }
    const runtimes::Reference reference{name_without_tag(*runtimes::parse_image_name(image.name)),
                                        rebased->manifest.digest};
    if (auto done = sign_rebased(session, *store, image, reference.digest, *key); !done) return done.error();
    session.out(to_string(reference) + "\n");
    moved.push_back({image.manifest.digest, reference});
    if (!rebased->changed) session.say("image/" + image.name + " stands on " + to->name + " already");
  }
  if (!moved.empty())
    if (auto rolled = roll_apps(session, *store, moved); !rolled) return rolled.error();
  for (std::size_t i = 1; i < refused.size(); ++i) session.warn(refused[i].message);
  if (!refused.empty()) return refused.front();
  return 0;
}

}  // namespace

void add_image_rebase(CommandTree& tree, const VerbFlags& image) {
  const auto options = std::make_shared<RebaseOptions>();
  VerbFlags verb = tree.add_below(image, "rebase", "Put an app onto another base or runtime, without building it",
                                  [options](const Session& session) { return rebase(session, *options); });
  verb.words("image", options->names, "IMAGE...", "The images", Need::kOptional);
  verb.flag("--all", options->all, "All images that stand on --from");
  verb.text("--from", options->from, "BASE", "With --all: an image, or the digest of a base");
  verb.text("--to", options->to, "BASE",
            "A base, a runtime, or an image whose base is taken (the base runtime of this host)");
  verb.text("--key", options->key, "FILE", "A secret key to sign the results with (not signed)");
}

}  // namespace unik::cli
