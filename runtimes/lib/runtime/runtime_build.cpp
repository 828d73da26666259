#include "runtimes/lib/runtime/runtime_build.hpp"

#include <set>
#include <sstream>
#include <utility>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "runtimes/lib/runtime/baseline.hpp"
#include "runtimes/lib/runtime/runtime_files.hpp"
#include "runtimes/lib/runtime/runtime_stage.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

// What the layer `runtime` holds, and of which packages.
struct RuntimeContent {
  ClosedFiles closed;
  std::set<std::string> packages;
};

Annotations annotations_of(const RuntimeBuildOptions& options, const RuntimeContent& content, bool reproducible) {
  const codec::RuntimeManifest& manifest = options.source.manifest;
  Annotations annotations;
  annotations[std::string(kRuntimeAnnotation)] = manifest.name + "@" + manifest.version;
  annotations[std::string(kProvidesAnnotation)] = print_provides(manifest.provides);
  annotations[std::string(kSourceAnnotation)] = to_string(digest_of(options.source));
  annotations["org.opencontainers.image.description"] = manifest.description;
  annotations["org.opencontainers.image.version"] = manifest.version;
  if (const auto& glibc = content.closed.newest_glibc) annotations[std::string(kGlibcAnnotation)] = to_string(*glibc);
  std::string packages;
  for (const std::string& package : content.packages) packages += (packages.empty() ? "" : ",") + package;
  if (!options.source.recipe.base.empty()) annotations[std::string(kPackagesAnnotation)] = packages;
  if (!reproducible) annotations[std::string(kReproducibleAnnotation)] = "false";
  return annotations;
}

Result<void> keep_baseline(const FileTree& files, const std::string& name) {
  const std::vector<std::string> faults = baseline_faults(files);
  if (faults.empty()) return {};
  std::string all;
  for (const std::string& fault : faults) all += (all.empty() ? "" : "; ") + fault;
  return invalid("outside_baseline", "runtime " + name + ": want no shell and no package manager in it, found: " + all +
                                         "; keep less, or drop them in unik.yaml");
}

Result<RuntimeContent> content_of(const RuntimeBuildOptions& options, const FetchedPackages& packages,
                                  const fs::path& stage) {
  const codec::RuntimeRecipe& recipe = options.source.recipe;
  auto laid = lay_stage(recipe, packages, stage, options.say, options.output);
  if (!laid) return std::move(laid).error();
  auto chosen = choose_files(recipe, laid->files);
  if (!chosen) return std::move(chosen).error();
  auto closed = close_files(recipe, *std::move(chosen), stage);
  if (!closed) return std::move(closed).error();
  if (auto kept = keep_baseline(closed->files, options.source.manifest.name); !kept) return std::move(kept).error();
  RuntimeContent content{*std::move(closed), {}};
  for (const std::string& path : taken_files(recipe, laid->files, stage, content.closed.files))
    if (const auto package = laid->packages.find(path); package != laid->packages.end())
      content.packages.insert(package->second);
  return content;
}

Result<PackedImage> assemble(const BlobStore& store, const RuntimeBuildOptions& options, RuntimeContent content,
                             bool reproducible) {
  auto kernel = kernel_tree(options.base);
  if (!kernel) return std::move(kernel).error();
  auto base = base_tree(options.base);
  if (!base) return std::move(base).error();
  const codec::RuntimeManifest& manifest = options.source.manifest;
  std::vector<LayerDraft> layers{{"kernel", *std::move(kernel)}, {"base", *std::move(base)}};
  const Annotations annotations = annotations_of(options, content, reproducible);
  if (!content.closed.files.empty()) layers.push_back({"runtime", std::move(content.closed.files)});
  PackConfig config;
  config.env = options.source.recipe.environment;
  return assemble_image(store, options.space + "/" + manifest.name + ":" + manifest.version, layers,
                        image_config(config, {}, false), annotations);
}

}  // namespace

std::vector<std::string> packages_of(const Manifest& runtime) {
  std::vector<std::string> packages;
  std::istringstream said(annotation(runtime.annotations, kPackagesAnnotation));
  for (std::string package; std::getline(said, package, ',');) packages.push_back(std::move(package));
  return packages;
}

Result<BuiltRuntime> build_runtime(const BlobStore& store, const RuntimeBuildOptions& options) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  const ScratchDirectory scratch(fresh_name(store.dir() / "tmp", "runtime-"));
  if (auto made = make_directories(scratch.path()); !made) return std::move(made).error();
  FetchedPackages packages;
  RuntimeContent content;
  // The base is laid out already (base_build.hpp): its image is the two layers that all others begin with.
  if (!options.source.recipe.base.empty()) {
    PackagePlaces places = options.packages;
    places.scratch = scratch.path() / "packages";
    auto fetched = fetch_packages(places, options.source.lock, options.mode, options.say);
    if (!fetched) return std::move(fetched).error();
    packages = *std::move(fetched);
    if (auto free = SignalRelay::check_none(); !free) return std::move(free).error();
    auto files = content_of(options, packages, scratch.path() / "stage");
    if (!files) return std::move(files).error();
    content = *std::move(files);
  }
  if (auto free = SignalRelay::check_none(); !free) return std::move(free).error();
  auto image = assemble(store, options, std::move(content), packages.substituted.empty());
  if (!image) return std::move(image).error();
  return BuiltRuntime{*std::move(image), std::move(packages.substituted)};
}

}  // namespace unik::runtimes
