// image list|inspect|digest|push|pull|copy|rm|prune: the images of this host's store and of registries.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "cli/registries.hpp"
#include "runtimes/lib/oci/image_facts.hpp"

namespace unik::cli {
namespace {

struct ImageOptions {
  std::string image;
  std::string target;
  std::vector<std::string> names;
  RegistryFlags registry;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> list_images(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto images = store->images();
  if (!images) return images.error();
  std::vector<runtimes::ImageFacts> facts;
  for (const runtimes::NamedImage& image : *images) {
    auto one = image_facts(*store, image);
    // One damaged image shall not hide the others; it is what somebody came to find.
    if (!one) {
      session.warn(image.name + ": " + one.error().message);
      one = runtimes::ImageFacts{image, {}, {}, image.manifest.size, {image.manifest.digest}};
    }
    facts.push_back(*std::move(one));
  }
  if (facts.empty() && options.format == OutputFormat::kTable)
    session.say("no images in " + store->dir().string() + "; `unikctl build` and `unikctl image pull` bring some");
  else
    session.out(render_images(facts, options.format));
  return 0;
}

Result<int> inspect(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (!image) return image.error();
  const auto facts = image_facts(*store, *image);
  if (!facts) return facts.error();
  session.out(render_image(*facts, options.format));
  return 0;
}

// Of an image of the store; of one that is not there, as its registry has it now.
Result<int> digest(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (image) {
    session.out(to_string(image->manifest.digest) + "\n");
    return 0;
  }
  const auto name = runtimes::parse_image_name(options.image);
  if (!name || name->registry.empty()) return image.error();
  const auto client = open_registry(session, *name, options.registry);
  if (!client) return client.error();
  const auto found = (*client)->manifest_digest(name->digest        ? to_string(*name->digest)
                                                : name->tag.empty() ? std::string(runtimes::kDefaultTag)
                                                                    : name->tag);
  if (!found) return found.error();
  session.out(to_string(*found) + "\n");
  return 0;
}

Result<int> pull_verb(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto name = runtimes::parse_image_name(options.image);
  if (!name) return name.error();
  if (name->registry.empty())
    return invalid("usage", "want HOST[:PORT]/NAME, got `" + options.image + "`: no registry is guessed");
  const auto pulled = pull(session, *store, *name, options.registry);
  if (!pulled) return pulled.error();
  session.out(name_without_tag(*name) + "@" + to_string(pulled->image.manifest.digest) + "\n");
  return 0;
}

// `target` empty: the name of the image says where it goes.
Result<int> push_verb(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (!image) return image.error();
  const auto name = runtimes::parse_image_name(options.target.empty() ? image->name : options.target);
  if (!name) return name.error();
  if (name->registry.empty())
    return invalid("usage", "want HOST[:PORT]/NAME to push to, got `" + to_string(*name) + "`: no registry is guessed");
  const auto pushed = push(session, *store, image->manifest.digest, *name, options.registry);
  if (!pushed) return pushed.error();
  session.out(name_without_tag(*name) + "@" + to_string(*pushed) + "\n");
  return 0;
}

Result<int> copy(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto from = runtimes::parse_image_name(options.image);
  if (!from) return from.error();
  const auto to = runtimes::parse_image_name(options.target);
  if (!to) return to.error();
  const auto hold = store->hold();  // what is found or fetched stays until it has its place
  if (!hold) return hold.error();
  runtimes::NamedImage image;
  if (from->registry.empty()) {
    auto found = find_image(*store, options.image);
    if (!found) return found.error();
    image = *std::move(found);
  } else {
    auto pulled = pull(session, *store, *from, options.registry);
    if (!pulled) return pulled.error();
    image = std::move(pulled->image);
  }
  if (to->registry.empty()) {
    image.name = index_name(*to);
    if (auto named = store->set_image(image); !named) return named.error();
    session.out(image.name + "\n");
    return 0;
  }
  std::vector<std::string> mount_from;
  if (from->registry == to->registry) mount_from.push_back(from->repository);
  const auto pushed = push(session, *store, image.manifest.digest, *to, options.registry, mount_from);
  if (!pushed) return pushed.error();
  session.out(name_without_tag(*to) + "@" + to_string(*pushed) + "\n");
  return 0;
}

Result<int> remove(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  for (const std::string& word : options.names) {
    const auto image = find_image(*store, word);
    if (!image) return image.error();
    if (auto removed = store->remove_image(image->name); !removed) return removed.error();
    session.out("image/" + image->name + " removed\n");
  }
  session.say("`unikctl image prune` frees what no image needs any more");
  return 0;
}

Result<int> prune(const Session& session, const ImageOptions& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto collected = store->collect_garbage();
  if (!collected) return collected.error();
  for (const runtimes::Digest& image : collected->unreadable)
    session.say(to_string(image) + ": want the manifest of an image, found other bytes; it stays until its names are " +
                "removed (`unikctl image rm`), or it is built or fetched again");
  session.out(render_collected(*collected, options.format));
  return 0;
}

}  // namespace

void add_image(CommandTree& tree) {
  const VerbFlags group = tree.add_group(
      kImages, "image",
      "Images of this host and of registries: image list|inspect|digest|push|pull|copy|rebase|sign|verify|rm|prune");
  const auto options = std::make_shared<ImageOptions>();
  const auto add = [&](const char* name, const char* summary, Result<int> (*run)(const Session&, const ImageOptions&)) {
    return tree.add_below(group, name, summary,
                          [options, run](const Session& session) { return run(session, *options); });
  };
  add("list", "Show the images, what they weigh and how they run", list_images).output(options->format);

  VerbFlags inspect_verb = add("inspect", "Show one image: command, annotations, layers", inspect);
  inspect_verb.word("image", options->image, "IMAGE", "NAME[:TAG], NAME@sha256:DIGEST or sha256:DIGEST",
                    Need::kRequired);
  inspect_verb.output(options->format);

  const auto plain_http = [&](VerbFlags verb) {
    verb.flag("--plain-http", options->registry.plain_http,
              "Speak to the registry without TLS (loopback needs no flag)");
  };
  const auto platform = [&](VerbFlags verb) {
    verb.text("--platform", options->registry.platform, "OS/ARCH", "Which image of an index (linux/amd64)");
  };
  VerbFlags digest_verb = add("digest", "Print the digest under which an image runs", digest);
  digest_verb.word("image", options->image, "IMAGE", "NAME[:TAG]", Need::kRequired);
  plain_http(digest_verb);

  VerbFlags push_flags = add("push", "Send an image to a registry", push_verb);
  push_flags.word("image", options->image, "IMAGE", "An image of this host", Need::kRequired);
  push_flags.word("target", options->target, "HOST/NAME", "Where to (its own name)", Need::kOptional);
  plain_http(push_flags);

  VerbFlags pull_flags = add("pull", "Fetch an image from a registry", pull_verb);
  pull_flags.word("image", options->image, "HOST/NAME", "HOST[:PORT]/NAME[:TAG|@sha256:DIGEST]", Need::kRequired);
  platform(pull_flags);
  plain_http(pull_flags);

  VerbFlags copy_verb = add("copy", "Copy an image: a name with a registry is there, one without is here", copy);
  copy_verb.word("image", options->image, "IMAGE", "From where", Need::kRequired);
  copy_verb.word("target", options->target, "NAME", "To where", Need::kRequired);
  platform(copy_verb);
  plain_http(copy_verb);

  add_image_rebase(tree, group);
  add_image_signing(tree, group);

  VerbFlags remove_verb = add("rm", "Take images out of the store; `prune` then frees their bytes", remove);
  remove_verb.words("image", options->names, "IMAGE...", "The images", Need::kRequired);

  add("prune", "Remove the blobs that no image needs", prune).output(options->format);
}

}  // namespace unik::cli
