// The source of an app, read once: which files there are, what some of them say, and one digest of them all. Packs look
// at this value and never at the disk, so that what was detected, planned, hashed and built is the same source.
//
// Left out are `.unikctl`, what version control keeps, what tools make anew from the source (node_modules, virtual
// environments, compiled Python), and unik.yaml and unik.lock, which say how an app is built and deployed and are no
// part of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxSourceFiles = 200'000;
inline constexpr std::int64_t kMaxSourceText = 16 << 20;  // bytes of a file that a pack reads

// The hash of each file, link and executable bit by its path. Errors: `exhausted/source_too_large`.
using SourceHashes = std::map<std::string, Digest>;
Result<SourceHashes> hash_tree(const FileTree& tree);

// One hash of them all: the same for the same files, wherever they lie and whenever they were written.
Result<Digest> digest_of(const FileTree& tree);

class SourceTree {
 public:
  // Errors: `invalid/unsafe_source` (a link that leaves the tree, a device), `exhausted/source_too_large`.
  static Result<SourceTree> read(const std::filesystem::path& directory);
  // With unik.yaml and unik.lock, to be built elsewhere. Errors as above.
  static Result<FileTree> read_with_recipe(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }
  const FileTree& files() const { return files_; }

  // Paths are relative to the source; links inside it are followed.
  bool has(std::string_view path) const;
  // Errors: `not_found/no_such_file`, `exhausted/file_too_large`.
  Result<std::string> text(std::string_view path) const;
  // The same, and empty where there is no such file or it cannot be read.
  std::string text_or_empty(std::string_view path) const;
  // The files directly in `directory` (empty: the top) whose names end so, sorted, by their paths.
  std::vector<std::string> files_in(std::string_view directory, std::string_view ending) const;
  // All files whose names end so, sorted.
  std::vector<std::string> files_below(std::string_view ending) const;
  // Directories directly in `directory`, sorted, by their paths.
  std::vector<std::string> directories_in(std::string_view directory) const;
  // For errors: where `path` lies on this host.
  std::string place(std::string_view path) const { return (directory_ / path).string(); }

 private:
  std::filesystem::path directory_;
  FileTree files_;
};

}  // namespace unik::runtimes
