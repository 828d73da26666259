#include "runtimes/lib/oci/file_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr int kMaxLinksFollowed = 40;  // as in Linux
constexpr std::size_t kCopyChunk = 256 << 10;

Error unsafe(std::string_view path, const std::string& why) {
  return invalid("unsafe_path", std::string("`").append(path.substr(0, 256)).append("`: ").append(why));
}

std::string join(std::string_view at, std::string_view part) {
  return at.empty() ? std::string(part) : std::string(at) + "/" + std::string(part);
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

// Pushes the parts of `path` so that the first is popped first. `..` stays, for the links that hold one.
void push_parts(std::vector<std::string>& pending, std::string_view path) {
  const auto first = static_cast<std::ptrdiff_t>(pending.size());
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (!part.empty() && part != ".") pending.emplace_back(part);
    start = end + 1;
  }
  std::reverse(pending.begin() + first, pending.end());
}

FileNode directory_node() {
  FileNode node;
  node.type = NodeType::kDirectory;
  node.mode = 0755;
  return node;
}

// The directory in which the last part of a path is put; made where it is missing.
Result<std::string> enter_directory(FileTree& tree, std::string_view path, bool follow_links) {
  std::vector<std::string> pending;
  push_parts(pending, path);
  std::string at;
  int links = 0;
  while (!pending.empty()) {
    const std::string part = std::move(pending.back());
    pending.pop_back();
    if (part == "..") {
      at = std::string(parent_of(at));
      continue;
    }
    std::string next = join(at, part);
    if (next.size() > kMaxTreePath) return unsafe(path, "want at most 4095 bytes after links are followed, got more");
    const auto it = tree.find(next);
    if (it != tree.end() && it->second.type == NodeType::kSymlink) {
      if (!follow_links) return unsafe(path, "want a directory at `" + next + "`, found a link");
      if (++links > kMaxLinksFollowed)
        return unsafe(path, "want links that end somewhere, found a loop at `" + next + "`");
      if (it->second.link.starts_with('/')) at.clear();
      push_parts(pending, it->second.link);
      continue;
    }
    if (it != tree.end() && it->second.type == NodeType::kFile)
      return unsafe(path, "want a directory at `" + next + "`, found a file");
    if (it == tree.end()) tree.emplace(next, directory_node());
    at = std::move(next);
  }
  return at;
}

// A link of the source may point anywhere inside it and nowhere else.
Result<void> check_link(const std::filesystem::path& top, const std::filesystem::path& link,
                        const std::string& target) {
  const auto refuse = [&](const std::string& found) {
    return invalid("unsafe_source", link.string() + ": want a link that stays inside " + top.string() +
                                        ", found one to `" + target + "`" + found +
                                        "; put a copy in its place, or name it with --include");
  };
  if (target.starts_with('/')) return refuse(", which is absolute");
  const auto inside = [&](const std::filesystem::path& path) { return *path.lexically_relative(top).begin() != ".."; };
  const std::filesystem::path lexical = (link.parent_path() / target).lexically_normal();
  if (!inside(lexical)) return refuse("");
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(link, error);
  if (!error && !inside(real)) return refuse(", which ends at " + real.string());
  return {};
}

class DirectoryWalk {
 public:
  DirectoryWalk(FileTree& tree, const std::filesystem::path& top, const HostDirectoryRules& rules)
      : tree_(tree), top_(top), rules_(rules) {}

  Result<void> visit(const std::filesystem::path& directory, const std::string& at, std::size_t depth) {
    if (depth > kMaxTreeDepth)
      return invalid("unsafe_source", directory.string() + ": want at most 256 levels, found more");
    std::error_code error;
    std::filesystem::directory_iterator entries(directory, error);
    std::vector<std::filesystem::path> paths;
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error))
      paths.push_back(entries->path());
    if (error) {
      errno = error.value();
      return system_error("read_failed", "listing", directory);
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      const std::string name = path.filename().string();
      if (depth == 1 && rules_.skip.contains(name)) continue;
      if (auto added = add(path, join(at, name), depth); !added) return added;
    }
    return {};
  }

 private:
  Result<void> add(const std::filesystem::path& path, const std::string& at, std::size_t depth) {
    if (tree_.size() >= kMaxTreeEntries)
      return exhausted("source_too_large", top_.string() + ": want at most 1000000 files, found more");
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return system_error("read_failed", "reading", path);
    if (S_ISDIR(status.st_mode)) {
      FileNode node = directory_node();
      if (rules_.keep_modes) node.mode = status.st_mode & 07777;
      if (auto put = put_node(tree_, at, std::move(node), true); !put) return put;
      return visit(path, at, depth + 1);
    }
    if (S_ISLNK(status.st_mode)) {
      std::error_code error;
      FileNode node;
      node.type = NodeType::kSymlink;
      node.mode = 0777;
      node.link = std::filesystem::read_symlink(path, error).string();
      if (error) return invalid("unsafe_source", path.string() + ": " + error.message());
      if (!rules_.links_may_leave)
        if (auto checked = check_link(top_, path, node.link); !checked) return checked;
      return put_node(tree_, at, std::move(node), true);
    }
    if (!S_ISREG(status.st_mode) && rules_.skip_special) return {};
    auto node = host_file_node(path);
    if (!node) return std::move(node).error();
    if (rules_.keep_modes) node->mode = status.st_mode & 07777;
    return put_node(tree_, at, *std::move(node), true);
  }

  FileTree& tree_;
  const std::filesystem::path& top_;
  const HostDirectoryRules& rules_;
};

Result<void> write_node(const std::filesystem::path& place, const FileNode& node) {
  if (node.type == NodeType::kDirectory) {
    if (::mkdir(place.c_str(), 0700) != 0) return system_error("write_failed", "creating", place);
    return {};
  }
  if (node.type == NodeType::kSymlink) {
    if (::symlink(node.link.c_str(), place.c_str()) != 0) return system_error("write_failed", "creating", place);
    return {};
  }
  auto fd = open_file(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!fd) return std::move(fd).error();
  auto written = read_content(node, [&](std::string_view bytes) { return write_all(fd->get(), bytes, place); });
  if (!written) return written;
  // Set-id bits would come to mean this host's users.
  if (::fchmod(fd->get(), node.mode & 0777) != 0) return system_error("write_failed", "setting the mode of", place);
  return {};
}

}  // namespace

ContentFile::~ContentFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> tree_path(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return unsafe(path, "want no NUL byte");
  std::vector<std::string> parts;
  push_parts(parts, path);
  if (parts.size() > kMaxTreeDepth) return unsafe(path, "want at most 256 levels, got more");
  std::string whole;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (*part == "..") return unsafe(path, "want a path that stays inside, got one with `..`");
    if (part->size() > kMaxTreeName) return unsafe(path, "want names of at most 255 bytes, got a longer one");
    whole = join(whole, *part);
  }
  if (whole.size() > kMaxTreePath) return unsafe(path, "want at most 4095 bytes, got more");
  return whole;
}

Result<void> put_node(FileTree& tree, std::string_view path, FileNode node, bool follow_links) {
  auto clean = tree_path(path);
  if (!clean) return std::move(clean).error();
  if (clean->empty()) {
    if (node.type == NodeType::kDirectory) return {};
    return unsafe(path, "want a directory as the root, got something else");
  }
  auto parent = enter_directory(tree, parent_of(*clean), follow_links);
  if (!parent) return std::move(parent).error();
  const std::string place = join(*parent, clean->substr(clean->rfind('/') + 1));
  if (place.size() > kMaxTreePath) return unsafe(path, "want at most 4095 bytes after links are followed, got more");
  const auto there = tree.find(place);
  const bool keep_inside =
      there != tree.end() && there->second.type == NodeType::kDirectory && node.type == NodeType::kDirectory;
  if (there != tree.end() && !keep_inside) remove_node(tree, place);
  tree.insert_or_assign(place, std::move(node));
  return {};
}

bool remove_node(FileTree& tree, std::string_view path) {
  const auto it = tree.find(path);
  if (it == tree.end()) return false;
  const std::string inside = std::string(path) + "/";
  const std::string after = std::string(path) + static_cast<char>('/' + 1);
  tree.erase(it);
  tree.erase(tree.lower_bound(inside), tree.lower_bound(after));
  return true;
}

std::string resolve_in_tree(const FileTree& tree, std::string_view path) {
  std::vector<std::string> pending;
  push_parts(pending, path);
  std::string at;
  int links = 0;
  while (!pending.empty()) {
    const std::string part = std::move(pending.back());
    pending.pop_back();
    if (part == "..") {
      at = std::string(parent_of(at));
      continue;
    }
    std::string next = join(at, part);
    const auto it = tree.find(next);
    if (it == tree.end()) return {};
    if (it->second.type == NodeType::kSymlink) {
      if (++links > kMaxLinksFollowed) return {};
      if (it->second.link.starts_with('/')) at.clear();
      push_parts(pending, it->second.link);
      continue;
    }
    if (it->second.type == NodeType::kFile && !pending.empty()) return {};
    at = std::move(next);
  }
  return at;
}

Result<FileNode> host_file_node(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error("read_failed", "reading", path);
  if (!S_ISREG(status.st_mode))
    return invalid("unsafe_source",
                   path.string() + ": want files, directories and links, found a device, pipe or socket");
  FileNode node;
  node.mode = (status.st_mode & 0111) != 0 ? 0755 : 0644;
  node.size = status.st_size;
  node.content = HostFile{path};
  return node;
}

Result<void> add_host_directory(FileTree& tree, std::string_view at, const std::filesystem::path& directory,
                                const HostDirectoryRules& rules) {
  std::error_code error;
  const std::filesystem::path top = std::filesystem::canonical(directory, error);
  if (error) {
    errno = error.value();
    return system_error("read_failed", "reading", directory);
  }
  auto clean = tree_path(at);
  if (!clean) return std::move(clean).error();
  if (auto put = put_node(tree, *clean, directory_node(), true); !put) return put;
  return DirectoryWalk(tree, top, rules).visit(top, *clean, 1);
}

FileTree tree_difference(const FileTree& below, const FileTree& whole) {
  FileTree difference;
  for (const auto& [path, node] : whole) {
    const auto there = below.find(path);
    if (there == below.end() || !(there->second == node)) difference.emplace_hint(difference.end(), path, node);
  }
  return difference;
}

Result<void> read_content(const FileNode& file, const std::function<Result<void>(std::string_view)>& take) {
  if (const auto* bytes = std::get_if<std::string>(&file.content)) {
    UNIK_CHECK(static_cast<std::int64_t>(bytes->size()) == file.size, "a file node whose size is not its content's");
    return bytes->empty() ? Result<void>() : take(*bytes);
  }
  Fd opened;
  int fd = -1;
  std::int64_t offset = 0;
  std::filesystem::path path = "temporary file";
  if (const auto* extent = std::get_if<Extent>(&file.content)) {
    fd = extent->file->fd();
    offset = extent->offset;
  } else {
    path = std::get_if<HostFile>(&file.content)->path;
    auto host = open_file(path, O_RDONLY);
    if (!host) return std::move(host).error();
    opened = *std::move(host);
    fd = opened.get();
  }
  std::vector<char> buffer(static_cast<std::size_t>(std::min<std::int64_t>(file.size, kCopyChunk)));
  for (std::int64_t done = 0; done < file.size;) {
    const auto want = std::min<std::int64_t>(file.size - done, static_cast<std::int64_t>(buffer.size()));
    const ssize_t got = ::pread(fd, buffer.data(), static_cast<std::size_t>(want), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read_failed", "reading", path);
    if (got == 0)
      return conflict("source_changed", path.string() + ": want " + std::to_string(file.size) + " bytes, found " +
                                            std::to_string(done) + "; it changed while it was read, try again");
    if (auto taken = take({buffer.data(), static_cast<std::size_t>(got)}); !taken) return taken;
    done += got;
  }
  return {};
}

Result<void> write_tree(const FileTree& tree, const std::filesystem::path& directory) {
  for (const NodeType pass : {NodeType::kDirectory, NodeType::kFile, NodeType::kSymlink})
    for (const auto& [path, node] : tree)
      if (node.type == pass)
        if (auto written = write_node(directory / path, node); !written) return written;
  for (auto it = tree.rbegin(); it != tree.rend(); ++it)
    if (it->second.type == NodeType::kDirectory)
      if (const auto place = directory / it->first; ::chmod(place.c_str(), it->second.mode & 0777) != 0)
        return system_error("write_failed", "setting the mode of", place);
  return {};
}

}  // namespace unik::runtimes
