#include "runtimes/lib/runtime/installed_runtimes.hpp"

#include <algorithm>
#include <system_error>
#include <tuple>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFreshPrefix = "root-";

// `SPACE/NAME:VERSION` of the index; nothing for an image that only looks like a runtime.
std::optional<RuntimeName> name_of_image(const std::string& text) {
  const auto image = parse_image_name(text);
  if (!image || image->tag.empty()) return std::nullopt;
  const auto name = parse_runtime_name(name_without_tag(*image) + "@" + image->tag);
  if (!name || name->version.empty()) return std::nullopt;
  return *name;
}

RuntimeVersion version_of(const InstalledRuntime& runtime) {
  const auto version = parse_runtime_version(runtime.name.version);
  return version ? *version : RuntimeVersion{};
}

// What lies at `place` is whole or not there: it is laid out beside it and moved.
Result<void> lay_out(const BlobStore& store, const Descriptor& layer, const fs::path& place) {
  const fs::path parent = place.parent_path();
  if (auto made = make_directories(parent); !made) return made;
  auto lock = lock_file(parent / "lock", LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  std::error_code error;
  if (fs::is_directory(place, error)) return {};
  // A killed caller's half, and the files of a layer that was built anew since; not what an install has kept there.
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    const bool ours = name.starts_with(kFreshPrefix) || name.size() == to_hex(layer.digest).size();
    if (ours && entry->is_directory(ignored)) fs::remove_all(entry->path(), ignored);
  }
  auto sink = spool_sink(parent);
  if (!sink) return std::move(sink).error();
  FileTree files;
  if (auto applied = apply_layer(files, store, layer, *sink); !applied) return applied;
  const fs::path fresh = fresh_name(parent, kFreshPrefix);
  if (auto made = make_directories(fresh); !made) return made;
  if (auto written = write_tree(files, fresh); !written) return written;
  fs::rename(fresh, place, error);
  if (error) return unavailable("store_failed", "moving " + fresh.string() + ": " + error.message());
  return {};
}

}  // namespace

Result<std::vector<InstalledRuntime>> installed_runtimes(const BlobStore& store) {
  auto images = store.images();
  if (!images) return std::move(images).error();
  std::vector<InstalledRuntime> found;
  for (const NamedImage& image : *images) {
    const auto name = name_of_image(image.name);
    if (!name) continue;
    auto manifest = store.manifest(image.manifest.digest);
    // An app on a runtime names it too, but has a layer of its own.
    if (!manifest || annotation(manifest->annotations, kRuntimeAnnotation) != name->name + "@" + name->version ||
        find_layer(*manifest, "app") != nullptr)
      continue;
    const auto missing = store.missing(image.manifest.digest);
    if (!missing || !missing->empty()) continue;
    const Descriptor* layer = find_layer(*manifest, "runtime");
    const bool reproducible = !manifest->annotations.contains("dev.unikctl.reproducible");
    found.push_back({*name, image, *manifest, layer == nullptr ? 0 : layer->size, reproducible});
  }
  std::sort(found.begin(), found.end(), [](const InstalledRuntime& a, const InstalledRuntime& b) {
    return std::tuple(a.name.space, a.name.name, version_of(b)) < std::tuple(b.name.space, b.name.name, version_of(a));
  });
  return found;
}

const InstalledRuntime* find_installed(const std::vector<InstalledRuntime>& installed, const RuntimeName& wanted) {
  const auto it = std::find_if(installed.begin(), installed.end(), [&](const InstalledRuntime& runtime) {
    return runtime.name.space == wanted.space && runtime.name.name == wanted.name &&
           (wanted.version.empty() || runtime.name.version == wanted.version);
  });
  return it == installed.end() ? nullptr : &*it;
}

Result<RuntimeImage> open_runtime(const BlobStore& store, const fs::path& roots, const InstalledRuntime& installed) {
  const Descriptor* layer = find_layer(installed.manifest, "runtime");
  if (layer == nullptr)
    return invalid("no_runtime_layer", "runtime " + to_string(installed.name) + ": want an image with a layer " +
                                           "`runtime`, found none; an app that brings everything needs no runtime");
  auto config = store.config(installed.manifest);
  if (!config) return std::move(config).error();
  const auto index = static_cast<std::size_t>(layer - installed.manifest.layers.data());
  if (index >= config->diff_ids.size())
    return invalid("bad_image_config", "runtime " + to_string(installed.name) + ": want a diff id for each layer");
  RuntimeImage runtime;
  runtime.name = installed.name.name;
  runtime.version = installed.name.version;
  runtime.reference = {installed.name.space + "/" + installed.name.name, installed.image.manifest.digest};
  runtime.layer = {*layer, config->diff_ids[index], true};
  runtime.provides = parse_provides(annotation(installed.manifest.annotations, kProvidesAnnotation));
  for (const std::string& entry : config->env)
    if (const std::size_t equals = entry.find('='); equals != std::string::npos)
      runtime.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
  runtime.root = roots / runtime.name / runtime.version / to_hex(layer->digest);
  if (auto laid = lay_out(store, *layer, runtime.root); !laid) return std::move(laid).error();
  return runtime;
}

}  // namespace unik::runtimes
