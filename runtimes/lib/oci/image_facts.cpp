#include "runtimes/lib/oci/image_facts.hpp"

#include <algorithm>

#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::runtimes {
namespace {

Error no_such_image(std::string_view text) {
  return not_found("no_such_image", "image `" + std::string(text.substr(0, kMaxImageName + 80)) +
                                        "` is not in the store; `unikctl image list` shows what is");
}

}  // namespace

std::string_view to_string(RunsAs runs_as) {
  switch (runs_as) {
    case RunsAs::kUnikernel:
      return "unikernel";
    case RunsAs::kContainer:
      return "container";
    case RunsAs::kKernel:
      return "kernel";
  }
  return "";
}

RunsAs runs_as(const Manifest& manifest) {
  if (manifest.annotations.contains(std::string(kContainerAnnotation)) || find_layer(manifest, kKernelLayer) == nullptr)
    return RunsAs::kContainer;
  return manifest.annotations.contains(std::string(kBootAnnotation)) ? RunsAs::kKernel : RunsAs::kUnikernel;
}

Result<ImageFacts> image_facts(const BlobStore& store, const NamedImage& image) {
  ImageFacts facts;
  facts.image = image;
  facts.size_bytes = image.manifest.size;
  auto missing = store.missing(image.manifest.digest);
  if (!missing) return std::move(missing).error();
  facts.missing = *std::move(missing);
  auto signatures = image_signatures(store, image.manifest.digest);
  if (!signatures) return std::move(signatures).error();
  for (const ImageSignature& one : *signatures) facts.signed_by.push_back(to_string(one.signature.id));
  if (!store.has(image.manifest.digest)) return facts;
  auto manifest = store.manifest(image.manifest.digest);
  if (!manifest) return std::move(manifest).error();
  facts.manifest = *std::move(manifest);
  facts.size_bytes += facts.manifest.config.size;
  for (const Descriptor& layer : facts.manifest.layers) facts.size_bytes += layer.size;
  if (!store.has(facts.manifest.config.digest)) return facts;
  auto config = store.config(facts.manifest);
  if (!config) return std::move(config).error();
  facts.config = *std::move(config);
  return facts;
}

std::string index_name(const ImageName& name) {
  ImageName whole = name;
  if (!whole.registry.empty() && whole.tag.empty() && !whole.digest) whole.tag = kDefaultTag;
  return to_string(whole);
}

Result<NamedImage> find_image(const BlobStore& store, std::string_view text) {
  auto images = store.images();
  if (!images) return std::move(images).error();
  const auto by_digest = [&](const Digest& digest) -> Result<NamedImage> {
    const auto it = std::find_if(images->begin(), images->end(),
                                 [&](const NamedImage& image) { return image.manifest.digest == digest; });
    if (it == images->end()) return no_such_image(text);
    return *it;
  };
  if (const auto digest = parse_digest(text)) return by_digest(*digest);
  auto name = parse_image_name(text);
  if (!name) return std::move(name).error();
  for (const std::string& wanted : {std::string(text), index_name(*name)})
    for (const NamedImage& image : *images)
      if (image.name == wanted) return image;
  if (name->digest) return by_digest(*name->digest);
  return no_such_image(text);
}

}  // namespace unik::runtimes
