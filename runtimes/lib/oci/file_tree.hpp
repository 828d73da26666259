// A file system as a value: what a layer is written from, and what a chain of layers is merged into. Because layers are
// merged here and not on this host's disk, nothing in them (`..`, links, devices) can reach the host.
//
// Paths are relative, without a leading `/`, `.` or `..`; every parent is there as a directory. The root itself is not
// in the map. Contents are referred to, not held, except small ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "api/result.hpp"
#include "runtimes/lib/oci/image.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxTreePath = 4095;  // bytes
inline constexpr std::size_t kMaxTreeName = 255;   // bytes of one part
inline constexpr std::size_t kMaxTreeDepth = 256;  // parts
inline constexpr std::size_t kMaxTreeEntries = 1'000'000;

// An open file that contents point into; closed with the last pointer to it.
class ContentFile {
 public:
  explicit ContentFile(int fd) : fd_(fd) {}
  ContentFile(const ContentFile&) = delete;
  ContentFile& operator=(const ContentFile&) = delete;
  ~ContentFile();
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Extent {
  std::shared_ptr<const ContentFile> file;
  std::int64_t offset = 0;

  bool operator==(const Extent&) const = default;
};
struct HostFile {
  std::filesystem::path path;

  bool operator==(const HostFile&) const = default;
};
using Content = std::variant<std::string, Extent, HostFile>;

enum class NodeType : std::uint8_t { kFile, kDirectory, kSymlink };

struct FileNode {
  NodeType type = NodeType::kFile;
  std::uint32_t mode = 0644;  // permission bits, with set-id and sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime = kSourceDateEpoch;  // seconds
  std::int64_t size = 0;                  // of a file, bytes
  std::string link;                       // of a symlink
  Content content;                        // of a file

  bool operator==(const FileNode&) const = default;
};

using FileTree = std::map<std::string, FileNode, std::less<>>;

// The one form of a path in a tree. Leading `/` and `./`, doubled and trailing `/` are dropped; the root is empty. A
// `..`, a NUL or a part or path beyond the limits is `invalid/unsafe_path`.
Result<std::string> tree_path(std::string_view path);

// Puts a node, with plain directories above it where they are missing. A file in the place of a parent is
// `invalid/unsafe_path`, except a symlink to a directory of the same tree, which is followed when `follow_links` is
// set. A directory over a directory keeps what is inside; anything else replaces what is there, with all below it.
Result<void> put_node(FileTree& tree, std::string_view path, FileNode node, bool follow_links = false);

// Removes a path and everything below it; true when there was something.
bool remove_node(FileTree& tree, std::string_view path);

// Follows symlinks inside the tree, as the guest would: the path that `path` ends at, or empty when that is not there
// or a loop.
std::string resolve_in_tree(const FileTree& tree, std::string_view path);

// A file of this host as a node: a regular file with its executable bits (0755 or 0644), owned by root, fixed mtime.
Result<FileNode> host_file_node(const std::filesystem::path& path);

// How a directory of this host becomes part of a tree.
struct HostDirectoryRules {
  std::set<std::string> skip;    // names at the top that are left out
  bool links_may_leave = false;  // a link may point outside: right for a whole root, wrong for a source
  bool keep_modes = false;       // all permission bits; otherwise 0755 or 0644
  bool skip_special = false;     // leave out devices, pipes and sockets instead of refusing them
};

// Adds a directory of this host below `at`; everything belongs to root and has the fixed mtime. Links are kept as they
// are. Errors: `invalid/unsafe_source` (a link that leaves `directory`, a device), `exhausted/source_too_large`.
Result<void> add_host_directory(FileTree& tree, std::string_view at, const std::filesystem::path& directory,
                                const HostDirectoryRules& rules = {});

// What `whole` has beyond `below`: laid over `below` as a layer it gives `whole`, if nothing was removed.
FileTree tree_difference(const FileTree& below, const FileTree& whole);

// The content of a file, in pieces, exactly `size` bytes in all. Errors: `conflict/source_changed` when the file of the
// host is no longer as long as it was, and what `take` returns.
Result<void> read_content(const FileNode& file, const std::function<Result<void>(std::string_view)>& take);

// Writes the tree below `directory`, which must exist and be empty: directories first, links last, so that no link is
// ever written through. Owners are not set. For looking at an image and for tests; never needed to boot.
Result<void> write_tree(const FileTree& tree, const std::filesystem::path& directory);

}  // namespace unik::runtimes
