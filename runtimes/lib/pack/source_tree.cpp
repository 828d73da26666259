#include "runtimes/lib/pack/source_tree.hpp"

#include <algorithm>

#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/pack/own_directory.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kMadeAnew[] = {"__pycache__", "node_modules"};

// Whether `path` lies directly in `directory`.
bool lies_in(std::string_view path, std::string_view directory) {
  const std::size_t slash = path.rfind('/');
  return (slash == std::string_view::npos ? std::string_view() : path.substr(0, slash)) == directory;
}

}  // namespace

Result<SourceHashes> hash_tree(const FileTree& tree) {
  SourceHashes hashes;
  for (const auto& [path, node] : tree) {
    if (node.type == NodeType::kDirectory) continue;
    if (hashes.size() >= kMaxSourceFiles)
      return exhausted("source_too_large", "source: want at most " + std::to_string(kMaxSourceFiles) +
                                               " files, found more; leave generated directories out");
    Sha256 hash;
    hash.update(node.type == NodeType::kSymlink ? "link\n" + node.link
                : (node.mode & 0111) != 0       ? "program\n"
                                                : "file\n");
    if (node.type == NodeType::kFile) {
      auto read = read_content(node, [&](std::string_view bytes) -> Result<void> {
        hash.update(bytes);
        return {};
      });
      if (!read) return std::move(read).error();
    }
    hashes.emplace(path, hash.finish());
  }
  return hashes;
}

Result<Digest> digest_of(const FileTree& tree) {
  auto hashes = hash_tree(tree);
  if (!hashes) return std::move(hashes).error();
  Sha256 whole;
  for (const auto& [path, digest] : *hashes) whole.update(to_hex(digest) + " " + path + '\0');
  return whole.finish();
}

Result<SourceTree> SourceTree::read(const std::filesystem::path& directory) {
  auto files = read_with_recipe(directory);
  if (!files) return std::move(files).error();
  SourceTree source;
  source.directory_ = directory;
  source.files_ = *std::move(files);
  for (const char* const recipe : {"unik.yaml", "unik.lock"}) remove_node(source.files_, recipe);
  return source;
}

Result<FileTree> SourceTree::read_with_recipe(const std::filesystem::path& directory) {
  FileTree files;
  HostDirectoryRules rules;
  rules.skip = {kOwnDirectory, ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__"};
  if (auto added = add_host_directory(files, "", directory, rules); !added) return std::move(added).error();
  std::vector<std::string> made_anew;
  for (const auto& [path, node] : files)
    if (node.type == NodeType::kDirectory &&
        std::find(std::begin(kMadeAnew), std::end(kMadeAnew), name_of(path)) != std::end(kMadeAnew))
      made_anew.push_back(path);
  for (const std::string& path : made_anew) remove_node(files, path);
  return files;
}

bool SourceTree::has(std::string_view path) const {
  const auto it = files_.find(resolve_in_tree(files_, path));
  return it != files_.end() && it->second.type == NodeType::kFile;
}

Result<std::string> SourceTree::text(std::string_view path) const {
  const auto it = files_.find(resolve_in_tree(files_, path));
  if (it == files_.end() || it->second.type != NodeType::kFile)
    return not_found("no_such_file", place(path) + ": want a file, found none");
  if (it->second.size > kMaxSourceText)
    return exhausted("file_too_large", place(path) + ": want at most " + std::to_string(kMaxSourceText) + " bytes");
  std::string text;
  auto read = read_content(it->second, [&](std::string_view bytes) -> Result<void> {
    text += bytes;
    return {};
  });
  if (!read) return std::move(read).error();
  return text;
}

std::string SourceTree::text_or_empty(std::string_view path) const {
  auto found = text(path);
  return found ? *std::move(found) : std::string();
}

std::vector<std::string> SourceTree::files_in(std::string_view directory, std::string_view ending) const {
  std::vector<std::string> found;
  for (const std::string& path : files_below(ending))
    if (lies_in(path, directory)) found.push_back(path);
  return found;
}

std::vector<std::string> SourceTree::files_below(std::string_view ending) const {
  std::vector<std::string> found;
  for (const auto& [path, node] : files_)
    if (node.type == NodeType::kFile && path.ends_with(ending)) found.push_back(path);
  return found;
}

std::vector<std::string> SourceTree::directories_in(std::string_view directory) const {
  std::vector<std::string> found;
  for (const auto& [path, node] : files_)
    if (node.type == NodeType::kDirectory && lies_in(path, directory)) found.push_back(path);
  return found;
}

}  // namespace unik::runtimes
