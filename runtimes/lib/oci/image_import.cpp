#include "runtimes/lib/oci/image_import.hpp"

#include <algorithm>
#include <functional>
#include <system_error>
#include <vector>

#include "codec/json_reader.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, ImportKind> kPrefixes[] = {{"oci:", ImportKind::kOciLayout},
                                                                 {"oci-archive:", ImportKind::kOciArchive},
                                                                 {"docker-archive:", ImportKind::kDockerArchive}};
constexpr std::string_view kDockerManifest = "manifest.json";

using Take = std::function<Result<void>(std::string_view)>;

// The files of a layout, wherever they lie. Names are ours or were checked by `tree_path`.
class Files {
 public:
  static Result<Files> open(const ImportPlace& place, const fs::path& scratch, const LayerLimits& limits) {
    Files files;
    files.place_ = place.path;
    if (place.kind == ImportKind::kOciLayout) {
      std::error_code ignored;
      if (fs::exists(place.path, ignored)) return files;
      return not_found("no_such_file", place.path.string() + ": want the directory of an OCI layout, found nothing");
    }
    auto sink = spool_sink(scratch);
    if (!sink) return std::move(sink).error();
    files.tree_.emplace();
    if (auto read = apply_archive(*files.tree_, place.path, *sink, limits); !read) return std::move(read).error();
    return files;
  }

  Result<void> read(std::string_view name, const Take& take) const {
    auto clean = tree_path(name);
    if (!clean) return std::move(clean).error();
    if (!tree_) return read_chunks(place_ / *clean, take);
    const auto it = tree_->find(resolve_in_tree(*tree_, *clean));
    if (it == tree_->end() || it->second.type != NodeType::kFile)
      return not_found("no_such_file", place_.string() + ": want a file `" + *clean + "` in it, found none");
    return read_content(it->second, take);
  }

  Result<std::string> document(std::string_view name) const {
    std::string text;
    auto done = read(name, [&](std::string_view bytes) -> Result<void> {
      if (static_cast<std::int64_t>(text.size() + bytes.size()) > kMaxDocumentBytes)
        return exhausted("file_too_large", place_.string() + ": `" + std::string(name) + "`: want at most 4 MiB");
      text += bytes;
      return {};
    });
    if (!done) return std::move(done).error();
    return text;
  }

  Error not_an_image(const std::string& what) const {
    return invalid("not_an_image",
                   place_.string() + ": want an image in the form that its prefix names, found " + what);
  }

 private:
  fs::path place_;
  std::optional<FileTree> tree_;  // of an archive
};

// A file of theirs as a blob of ours. One of ours that a disk has damaged since gives way to it.
Result<BlobInfo> import_blob(const BlobStore& store, const Files& files, std::string_view name,
                             const std::optional<Digest>& expected) {
  if (expected) {
    if (auto dropped = store.drop_damaged(*expected); !dropped) return std::move(dropped).error();
    if (const auto size = store.size_of(*expected)) return BlobInfo{*expected, *size};
  }
  auto writer = store.writer();
  if (!writer) return std::move(writer).error();
  auto copied = files.read(name, [&](std::string_view bytes) { return writer->write(bytes); });
  if (!copied) return std::move(copied).error();
  return writer->finish(expected);
}

std::string blob_name(const Digest& digest) {
  return "blobs/sha256/" + to_hex(digest);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + (name.empty() ? "(unnamed)" : name);
  return text.empty() ? "none" : text;
}

Error no_such_image(const ImportPlace& place, const std::vector<std::string>& names) {
  return not_found("no_such_image", place.path.string() + ": want " +
                                        (place.name.empty() ? "one image, or its name after a colon"
                                                            : "an image named `" + place.name + "`") +
                                        ", found " + listed(names));
}

Result<BlobInfo> import_oci(const BlobStore& store, const Files& files, const ImportPlace& place,
                            const Platform& platform) {
  auto layout = files.document("oci-layout");
  if (!layout) return files.not_an_image("no file `oci-layout`");
  auto text = files.document("index.json");
  if (!text) return files.not_an_image("no file `index.json`");
  auto index = parse_index(*text);
  if (!index) return std::move(index).error();
  std::vector<std::string> names;
  std::vector<NamedImage> chosen;
  for (const NamedImage& image : *index) {
    names.push_back(image.name);
    if (place.name.empty() || image.name == place.name) chosen.push_back(image);
  }
  if (chosen.size() != 1) return no_such_image(place, names);
  Digest digest = chosen.front().manifest.digest;
  auto document = files.document(blob_name(digest));
  if (!document) return std::move(document).error();
  if (is_image_index(*document)) {
    auto image = choose_image(*document, platform);
    if (!image) return std::move(image).error();
    digest = image->digest;
    document = files.document(blob_name(digest));
    if (!document) return std::move(document).error();
  }
  auto manifest = parse_manifest(*document);
  if (!manifest) return std::move(manifest).error();
  std::vector<Digest> blobs{manifest->config.digest};
  for (const Descriptor& layer : manifest->layers) blobs.push_back(layer.digest);
  for (const Digest& blob : blobs)
    if (auto imported = import_blob(store, files, blob_name(blob), blob); !imported) return std::move(imported).error();
  return import_blob(store, files, blob_name(digest), digest);
}

// `docker save`: a list of images, each with its config and plain tars. The manifest is ours to write.
Result<BlobInfo> import_docker(const BlobStore& store, const Files& files, const ImportPlace& place) {
  auto text = files.document(kDockerManifest);
  if (!text) return files.not_an_image("no file `manifest.json`");
  const auto document = codec::JsonDocument::parse(*text, kMaxDocumentBytes);
  if (!document || !document->root().is_array()) return files.not_an_image("a `manifest.json` that is no list");
  std::vector<std::string> names;
  std::vector<codec::JsonView> chosen;
  for (auto image = document->root().first(); image.exists(); image = image.next()) {
    bool wanted = place.name.empty();
    for (auto tag = image["RepoTags"].first(); tag.exists(); tag = tag.next()) {
      names.push_back(tag.text().has_value() ? std::string(*tag.text()) : std::string());
      wanted = wanted || names.back() == place.name;
    }
    if (wanted) chosen.push_back(image);
  }
  if (chosen.size() != 1) return no_such_image(place, names);

  auto config_text = files.document(chosen.front()["Config"].text_or(""));
  if (!config_text) return std::move(config_text).error();
  auto config = parse_image_config(*config_text);
  if (!config) return std::move(config).error();
  auto config_blob = store.put(*config_text);
  if (!config_blob) return std::move(config_blob).error();
  Manifest manifest;
  manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
  const codec::JsonView layers = chosen.front()["Layers"];
  if (layers.size() > kMaxLayers || layers.size() != config->diff_ids.size())
    return files.not_an_image("another number of layers than its config has diff ids");
  std::size_t i = 0;
  for (auto layer = layers.first(); layer.exists(); layer = layer.next(), ++i) {
    // A plain tar's diff id is its digest.
    auto blob = import_blob(store, files, layer.text().has_value() ? std::string(*layer.text()) : std::string(),
                            config->diff_ids[i]);
    if (!blob) return std::move(blob).error();
    manifest.layers.push_back({std::string(kLayerTarMediaType), blob->digest, blob->size, {}});
  }
  return store.put(print_manifest(manifest));
}

}  // namespace

std::optional<ImportPlace> parse_import_place(std::string_view text) {
  for (const auto& [prefix, kind] : kPrefixes) {
    if (!text.starts_with(prefix)) continue;
    const std::string_view rest = text.substr(prefix.size());
    // The path ends at the first colon, as with other tools.
    const std::size_t colon = rest.find(':');
    ImportPlace place{kind, fs::path(rest.substr(0, colon)), {}};
    if (colon != std::string_view::npos) place.name = rest.substr(colon + 1);
    return place;
  }
  return std::nullopt;
}

Result<TakenImage> take_image(const BlobStore& store, const ImportPlace& place, const Platform& platform,
                              std::span<const std::string> documents, const LayerLimits& limits) {
  auto files = Files::open(place, store.dir() / "tmp", limits);
  if (!files) return std::move(files).error();
  auto imported = place.kind == ImportKind::kDockerArchive ? import_docker(store, *files, place)
                                                           : import_oci(store, *files, place, platform);
  if (!imported) return std::move(imported).error();
  TakenImage taken{{std::string(kManifestMediaType), imported->digest, imported->size, {}}, {}};
  for (const std::string& name : documents)
    if (auto text = files->document(name)) taken.documents.emplace(name, *std::move(text));
  return taken;
}

Result<NamedImage> import_image(const BlobStore& store, const ImportPlace& place, const std::string& name,
                                const Platform& platform) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto taken = take_image(store, place, platform);
  if (!taken) return std::move(taken).error();
  const NamedImage image{name, std::move(taken->manifest)};
  if (auto named = store.set_image(image); !named) return std::move(named).error();
  return image;
}

}  // namespace unik::runtimes
