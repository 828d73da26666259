#include "runtimes/lib/pack/rebase.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "runtimes/lib/elf/elf_info.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBase = "base", kRuntime = "runtime", kApp = "app";
// Where a C library lies in a root; the loader looks nowhere else without being told.
constexpr const char* kLibcPlaces[] = {"lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6",
                                       "lib64/libc.so.6", "usr/lib64/libc.so.6", "lib/libc.so.6"};

std::string layer_name(const Descriptor& layer) {
  return annotation(layer.annotations, kLayerAnnotation);
}

const LayerBlob* find_layer(const std::vector<LayerBlob>& layers, std::string_view name) {
  const auto it = std::find_if(layers.begin(), layers.end(),
                               [&](const LayerBlob& layer) { return layer_name(layer.descriptor) == name; });
  return it == layers.end() ? nullptr : &*it;
}

// An image as layers with both their digests, the lowest first: kernel, base, perhaps runtime, perhaps app.
struct OpenImage {
  Manifest manifest;
  ImageConfig config;
  std::vector<LayerBlob> layers;
};

Result<OpenImage> open_image(const BlobStore& store, const NamedImage& image) {
  auto manifest = store.manifest(image.manifest.digest);
  if (!manifest) return std::move(manifest).error();
  auto config = store.config(*manifest);
  if (!config) return std::move(config).error();
  OpenImage open{*std::move(manifest), *std::move(config), {}};
  std::string names;
  for (std::size_t i = 0; i < open.manifest.layers.size() && i < open.config.diff_ids.size(); ++i) {
    open.layers.push_back({open.manifest.layers[i], open.config.diff_ids[i], true});
    names += (names.empty() ? "" : " ") + layer_name(open.manifest.layers[i]);
  }
  static const std::set<std::string> kShapes = {"kernel base", "kernel base app", "kernel base runtime",
                                                "kernel base runtime app"};
  if (runs_as(open.manifest) == RunsAs::kUnikernel && kShapes.contains(names) &&
      open.layers.size() == open.manifest.layers.size())
    return open;
  return invalid("no_base", "image " + image.name +
                                ": want one that unikctl built, of the layers kernel, base and app, "
                                "found a " +
                                std::string(to_string(runs_as(open.manifest))) + " of the layers `" + names +
                                "`; deploy its source again to put it under a newer kernel");
}

std::string runtime_name(std::string_view name_and_version) {
  return std::string(name_and_version.substr(0, name_and_version.find('@')));
}

// The newest version that a C library in these layers defines, the topmost library counting; nothing without one.
Result<std::optional<GlibcVersion>> glibc_of(const BlobStore& store, const std::vector<const LayerBlob*>& layers) {
  FileTree root;
  auto sink = spool_sink(store.dir() / "tmp");
  if (!sink) return std::move(sink).error();
  LayerTotals totals;
  for (const LayerBlob* layer : layers)
    if (auto applied = apply_layer(root, store, layer->descriptor, *sink, totals); !applied)
      return std::move(applied).error();
  for (const char* place : kLibcPlaces) {
    const auto libc = root.find(resolve_in_tree(root, place));
    if (libc == root.end() || libc->second.type != NodeType::kFile) continue;
    FileTree alone{{"libc", libc->second}};
    const ScratchDirectory scratch(fresh_name(store.dir() / "tmp", "glibc-"));
    if (auto made = make_directories(scratch.path()); !made) return std::move(made).error();
    if (auto written = write_tree(alone, scratch.path()); !written) return std::move(written).error();
    auto elf = read_elf(scratch.path() / "libc");
    if (!elf) return std::move(elf).error();
    return elf->defined_glibc;
  }
  return std::optional<GlibcVersion>();
}

// Refuses a base whose C library is older than the app needs. An app that brings its own needs none.
Result<void> check_glibc(const BlobStore& store, const NamedImage& image, const OpenImage& open,
                         const std::vector<LayerBlob>& below, const ImageBase& to) {
  const auto needed = parse_glibc_version(annotation(open.manifest.annotations, kGlibcAnnotation));
  if (!needed) return {};
  const auto newest_in = [&](const std::vector<LayerBlob>& layers, bool app) {
    std::vector<const LayerBlob*> chosen;
    for (const LayerBlob& layer : layers)
      if (layer_name(layer.descriptor) != kKernelLayer && (layer_name(layer.descriptor) == kApp) == app)
        chosen.push_back(&layer);
    return glibc_of(store, chosen);
  };
  auto brought = newest_in(below, false);
  if (!brought) return std::move(brought).error();
  if (*brought && **brought >= *needed) return {};
  auto own = newest_in(open.layers, true);
  if (!own) return std::move(own).error();
  if (*own) return {};
  return conflict("glibc_too_old", "image " + image.name + ": want a base with glibc " + to_string(*needed) +
                                       " or newer, found " + (*brought ? to_string(**brought) : "none") + " in " +
                                       to.name + "; build the app again on that base, or take a newer one");
}

// The same language in the same version, as far as both say it.
Result<void> check_runtime(const NamedImage& image, const OpenImage& open, const ImageBase& to) {
  const std::string old = annotation(open.manifest.annotations, kRuntimeAnnotation);
  const auto differs = [&](const std::string& wanted, const std::string& found) {
    return conflict("other_runtime", "image " + image.name + ": want " + wanted + ", found " + found + " in " +
                                         to.name + "; build the app again to move it there");
  };
  if (runtime_name(old) != runtime_name(to.runtime))
    return differs("the runtime " + runtime_name(old), "the runtime " + runtime_name(to.runtime));
  const auto had = parse_provides(annotation(open.manifest.annotations, kProvidesAnnotation));
  for (const auto& [what, version] : had)
    if (const auto now = to.provides.find(what); now == to.provides.end() || now->second != version)
      return differs(what + " " + version, now == to.provides.end() ? "none" : now->second);
  return {};
}

// Sorted as a build sorts it: the app's own entries, and the new runtime's where the app says nothing.
void swap_environment(ImageConfig& config, const std::map<std::string, std::string>& old,
                      const std::map<std::string, std::string>& now) {
  std::map<std::string, std::string> merged = now;
  for (const std::string& entry : config.env) {
    const std::string name = entry.substr(0, entry.find('='));
    const std::string value = name.size() < entry.size() ? entry.substr(name.size() + 1) : "";
    const auto was = old.find(name);
    if (was == old.end() || was->second != value) merged[name] = value;
  }
  config.env.clear();
  for (const auto& [name, value] : merged) config.env.push_back(name + "=" + value);
}

// Under the image's name, unless nothing differs.
Result<Rebased> put_image(const BlobStore& store, const NamedImage& image, Manifest manifest,
                          const ImageConfig& config) {
  auto config_blob = store.put(print_image_config(config));
  if (!config_blob) return std::move(config_blob).error();
  manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
  auto blob = store.put(print_manifest(manifest));
  if (!blob) return std::move(blob).error();
  Rebased rebased{{std::string(kManifestMediaType), blob->digest, blob->size, {}}, false};
  if (blob->digest == image.manifest.digest) return rebased;
  rebased.changed = true;
  if (auto named = store.set_image({image.name, rebased.manifest}, image.manifest.digest); !named)
    return std::move(named).error();
  return rebased;
}

}  // namespace

Result<ImageBase> base_of_host(const BlobStore& store, const BaseRuntime& base) {
  auto kernel = kernel_tree(base);
  if (!kernel) return std::move(kernel).error();
  auto root = base_tree(base);
  if (!root) return std::move(root).error();
  ImageBase result;
  result.name = "the base runtime in " + base.dir.string();
  for (const auto& [tree, name] : {std::pair(&*kernel, kKernelLayer), std::pair(&*root, kBase)}) {
    auto layer = put_layer(store, *tree, name);
    if (!layer) return std::move(layer).error();
    result.layers.push_back(*std::move(layer));
  }
  return result;
}

Result<ImageBase> base_of_image(const BlobStore& store, const NamedImage& image) {
  auto open = open_image(store, image);
  if (!open) return std::move(open).error();
  ImageBase base;
  base.name = image.name;
  for (LayerBlob& layer : open->layers)
    if (layer_name(layer.descriptor) != kApp) base.layers.push_back(std::move(layer));
  if (find_layer(base.layers, kRuntime) == nullptr) return base;
  base.runtime = annotation(open->manifest.annotations, kRuntimeAnnotation);
  base.provides = parse_provides(annotation(open->manifest.annotations, kProvidesAnnotation));
  for (const std::string& entry : open->config.env)
    if (const std::size_t equals = entry.find('='); equals != std::string::npos)
      base.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  return base;
}

Digest base_digest(const ImageBase& base) {
  const LayerBlob* layer = find_layer(base.layers, kBase);
  return layer == nullptr ? Digest{} : layer->descriptor.digest;
}

Result<Rebased> rebase_image(const BlobStore& store, const NamedImage& image, const ImageBase& to,
                             const std::map<std::string, std::string>& old_environment) {
  auto open = open_image(store, image);
  if (!open) return std::move(open).error();
  const bool swaps_runtime =
      find_layer(to.layers, kRuntime) != nullptr && find_layer(open->layers, kRuntime) != nullptr;
  if (swaps_runtime)
    if (auto same = check_runtime(image, *open, to); !same) return std::move(same).error();

  std::vector<LayerBlob> layers;
  for (const LayerBlob& layer : open->layers) {
    const std::string name = layer_name(layer.descriptor);
    const LayerBlob* now = name == kRuntime && !swaps_runtime ? nullptr : find_layer(to.layers, name);
    layers.push_back(now == nullptr || name == kApp ? layer : *now);
  }
  if (auto checked = check_glibc(store, image, *open, layers, to); !checked) return std::move(checked).error();

  Manifest manifest = open->manifest;
  ImageConfig config = open->config;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    manifest.layers[i] = layers[i].descriptor;
    config.diff_ids[i] = layers[i].diff_id;
  }
  manifest.annotations[std::string(kBaseAnnotation)] = to_string(base_digest(to));
  if (swaps_runtime) {
    manifest.annotations[std::string(kRuntimeAnnotation)] = to.runtime;
    manifest.annotations[std::string(kProvidesAnnotation)] = print_provides(to.provides);
    swap_environment(config, old_environment, to.environment);
  }
  return put_image(store, image, std::move(manifest), config);
}

}  // namespace unik::runtimes
