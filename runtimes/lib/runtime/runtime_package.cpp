#include "runtimes/lib/runtime/runtime_package.hpp"

#include <fcntl.h>

#include <system_error>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/runtime/registry_place.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackageLayout = R"({"imageLayoutVersion":"1.0.0"})";
constexpr std::size_t kBlobChunk = 256 << 10;

FileNode text_node(std::string text) {
  FileNode node;
  node.size = static_cast<std::int64_t>(text.size());
  node.content = std::move(text);
  return node;
}

// A damaged blob is found here, and not by whoever installs the package.
Result<void> put_blob(FileTree& tree, const BlobStore& store, const Digest& digest) {
  auto reader = store.open_blob(digest);
  if (!reader) return std::move(reader).error();
  std::vector<char> buffer(kBlobChunk);
  while (true) {
    const auto got = reader->read(buffer);
    if (!got) return got.error();
    if (*got == 0) break;
  }
  auto node = host_file_node(store.blob_path(digest));
  if (!node) return std::move(node).error();
  node->mode = 0644;
  return put_node(tree, "blobs/sha256/" + to_hex(digest), *std::move(node));
}

Result<FileTree> tree_of(const BlobStore& store, const InstalledRuntime& runtime,
                         const std::map<std::string, std::string>& documents) {
  FileTree tree;
  const NamedImage named{runtime.name.name + ":" + runtime.name.version, runtime.image.manifest};
  std::vector<Digest> blobs{named.manifest.digest, runtime.manifest.config.digest};
  for (const Descriptor& layer : runtime.manifest.layers) blobs.push_back(layer.digest);
  for (const Digest& blob : blobs)
    if (auto put = put_blob(tree, store, blob); !put) return std::move(put).error();
  std::map<std::string, std::string> texts = documents;
  texts["oci-layout"] = kPackageLayout;
  texts["index.json"] = print_index({named});
  for (const auto& [name, text] : texts)
    if (auto put = put_node(tree, name, text_node(text)); !put) return std::move(put).error();
  return tree;
}

}  // namespace

std::vector<std::string> package_documents() {
  std::vector<std::string> names;
  for (const char* file : {kManifestFile, kRecipeFile, kLockFile})
    names.push_back(std::string(kPackageDirectory) + "/" + file);
  return names;
}

Result<RuntimePackage> write_runtime_package(const BlobStore& store, const InstalledRuntime& runtime,
                                             const std::map<std::string, std::string>& documents,
                                             const fs::path& directory) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto tree = tree_of(store, runtime, documents);
  if (!tree) return std::move(tree).error();
  if (auto made = make_directories(directory); !made) return std::move(made).error();
  RuntimePackage package;
  package.file = directory / package_file_name(runtime.name.name, runtime.name.version);
  package.image_digest = runtime.image.manifest.digest;
  const fs::path fresh = fresh_name(directory, ".package-");
  auto fd = open_file(fresh, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd) return std::move(fd).error();
  Sha256 sum;
  auto written = write_tar_gzip(*tree, [&](std::string_view bytes) {
    sum.update(bytes);
    package.size += static_cast<std::int64_t>(bytes.size());
    return write_all(fd->get(), bytes, fresh);
  });
  if (written) written = sync_file(fd->get(), fresh);
  std::error_code error;
  if (written) {
    fs::rename(fresh, package.file, error);
    if (!error) written = sync_directory(directory);
  }
  if (error) written = unavailable("store_failed", "moving " + fresh.string() + ": " + error.message());
  if (!written) {
    fs::remove(fresh, error);
    return std::move(written).error();
  }
  package.checksum = sum.finish();
  return package;
}

}  // namespace unik::runtimes
