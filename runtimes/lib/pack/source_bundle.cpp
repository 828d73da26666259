#include "runtimes/lib/pack/source_bundle.hpp"

#include <array>

#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/own_directory.hpp"
#include "runtimes/lib/pack/source_build.hpp"
#include "runtimes/lib/pack/source_tree.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kBundleLayer = "source";
constexpr Bytes kMaxBundleContents = mebibytes(8 << 10);

Result<FileTree> files_to_build(const std::filesystem::path& directory, const codec::UnikYaml& recipe) {
  if (!has_own_build(recipe)) return SourceTree::read_with_recipe(directory);
  FileTree files;
  HostDirectoryRules rules;
  rules.skip = {kOwnDirectory, ".git"};
  if (auto added = add_host_directory(files, "", directory, rules); !added) return std::move(added).error();
  if (recipe.build_command.empty()) return files;
  auto artifact = tree_path(recipe.artifact_path);
  if (!artifact) return std::move(artifact).error();
  remove_node(files, *artifact);
  return files;
}

// To the end, where the blob is verified.
Result<void> read_on(BlobStore::Reader& blob) {
  std::array<char, 16384> rest;
  while (true) {
    auto got = blob.read(rest);
    if (!got) return std::move(got).error();
    if (*got == 0) return {};
  }
}

}  // namespace

Result<BlobInfo> put_source_bundle(const BlobStore& store, const std::filesystem::path& directory,
                                   const codec::UnikYaml& recipe) {
  auto files = files_to_build(directory, recipe);
  if (!files) return std::move(files).error();
  auto bundle = put_layer(store, *files, kBundleLayer);
  if (!bundle) return std::move(bundle).error();
  return BlobInfo{bundle->descriptor.digest, bundle->descriptor.size};
}

Result<void> unpack_source_bundle(const BlobStore& store, const Digest& bundle, const std::filesystem::path& directory,
                                  const std::filesystem::path& scratch) {
  auto sink = spool_sink(scratch);
  if (!sink) return std::move(sink).error();
  auto blob = store.open_blob(bundle);
  if (!blob) return std::move(blob).error();
  const ByteSource source = [&](std::span<char> into) { return blob->read(into); };
  FileTree files;
  if (auto read = apply_archive(files, source, *sink, {kMaxTreeEntries, kMaxBundleContents}); !read) return read;
  if (auto whole = read_on(*blob); !whole) return whole;
  if (files.contains(std::string_view(kOwnDirectory)))
    return invalid("unsafe_source", std::string("the bundle of a source: want none of ") + kOwnDirectory +
                                        ", which builds keep for themselves, found one; leave it out");
  for (auto& [path, node] : files) node.mode |= node.type == NodeType::kDirectory ? 0700 : 0600;
  return write_tree(files, directory);
}

}  // namespace unik::runtimes
