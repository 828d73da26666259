// image list|inspect|digest|copy|rm|prune: the images of this host's store.
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output/images.hpp"
#include "cli/packing.hpp"
#include "runtimes/lib/oci/image_facts.hpp"

namespace unik::cli {
namespace {

struct Options {
  std::string image;
  std::string target;
  std::vector<std::string> names;
  OutputFormat format = OutputFormat::kTable;
};

Result<int> list(const Session& session, const Options& options) {
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

Result<int> inspect(const Session& session, const Options& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (!image) return image.error();
  const auto facts = image_facts(*store, *image);
  if (!facts) return facts.error();
  session.out(render_image(*facts, options.format));
  return 0;
}

Result<int> digest(const Session& session, const Options& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto image = find_image(*store, options.image);
  if (!image) return image.error();
  session.out(to_string(image->manifest.digest) + "\n");
  return 0;
}

Result<int> copy(const Session& session, const Options& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto name = runtimes::parse_image_name(options.target);
  if (!name) return name.error();
  const auto hold = store->hold();  // what is found stays until it has its second name
  if (!hold) return hold.error();
  auto image = find_image(*store, options.image);
  if (!image) return image.error();
  image->name = index_name(*name);
  if (auto named = store->set_image(*image); !named) return named.error();
  session.out(image->name + "\n");
  return 0;
}

Result<int> remove(const Session& session, const Options& options) {
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

Result<int> prune(const Session& session, const Options& options) {
  const auto store = open_store(session);
  if (!store) return store.error();
  const auto collected = store->collect_garbage();
  if (!collected) return collected.error();
  session.out(render_collected(*collected, options.format));
  return 0;
}

}  // namespace

void add_image(CommandTree& tree) {
  const VerbFlags group =
      tree.add_group(kImages, "image", "Images of this host: image list|inspect|digest|copy|rm|prune");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* summary, Result<int> (*run)(const Session&, const Options&)) {
    return tree.add_below(group, name, summary,
                          [options, run](const Session& session) { return run(session, *options); });
  };
  add("list", "Show the images, what they weigh and how they run", list).output(options->format);

  VerbFlags inspect_verb = add("inspect", "Show one image: command, annotations, layers", inspect);
  inspect_verb.word("image", options->image, "IMAGE", "NAME[:TAG], NAME@sha256:DIGEST or sha256:DIGEST",
                    Need::kRequired);
  inspect_verb.output(options->format);

  VerbFlags digest_verb = add("digest", "Print the digest under which an image runs", digest);
  digest_verb.word("image", options->image, "IMAGE", "NAME[:TAG]", Need::kRequired);

  VerbFlags copy_verb = add("copy", "Give an image a second name", copy);
  copy_verb.word("image", options->image, "IMAGE", "The image", Need::kRequired);
  copy_verb.word("target", options->target, "NAME", "Its second name", Need::kRequired);

  VerbFlags remove_verb = add("rm", "Take images out of the store; `prune` then frees their bytes", remove);
  remove_verb.words("image", options->names, "IMAGE...", "The images", Need::kRequired);

  add("prune", "Remove the blobs that no image needs", prune).output(options->format);
}

}  // namespace unik::cli
