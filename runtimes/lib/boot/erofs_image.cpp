#include "runtimes/lib/boot/erofs_image.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "runtimes/lib/boot/erofs_format.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

constexpr std::int64_t kErofsBlock = erofs::kBlock;  // signed, as offsets of files are
constexpr std::size_t kInodeSize = 64;               // the extended form, which has wide ids and its own mtime
constexpr std::uint16_t kExtended = 1;
constexpr std::uint32_t kMtimeIsMtime = 2;  // feature_compat
constexpr std::uint8_t kTypeFile = 1, kTypeDirectory = 2, kTypeSymlink = 7;

class Bytes8 {
 public:
  explicit Bytes8(std::string& out) : out_(out) {}
  template <typename T>
  void at(std::size_t offset, T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      out_[offset + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }

 private:
  std::string& out_;
};

struct Child {
  std::string_view name;
  std::size_t inode = 0;  // index into the list of inodes
};

struct Inode {
  const FileNode* node = nullptr;  // null for the root
  std::size_t parent = 0;
  std::vector<Child> children;  // of a directory, with `.` and `..`, sorted
  std::uint32_t links = 1;
  std::size_t size = 0;  // bytes of content
  bool inlined = false;
  std::size_t place = 0;         // of the inode, from the start of the metadata
  std::uint32_t data_block = 0;  // of contents that are not inlined
};

bool is_directory(const Inode& inode) {
  return inode.node == nullptr || inode.node->type == NodeType::kDirectory;
}

std::uint8_t type_of(const Inode& inode) {
  if (is_directory(inode)) return kTypeDirectory;
  return inode.node->type == NodeType::kSymlink ? kTypeSymlink : kTypeFile;
}

// How many entries from `first` on share a block, and how many bytes they take.
struct DirectoryBlock {
  std::size_t count = 0;
  std::size_t bytes = 0;
};
DirectoryBlock next_block(const std::vector<Child>& children, std::size_t first) {
  DirectoryBlock block;
  for (std::size_t i = first; i < children.size(); ++i) {
    const std::size_t need = erofs::kDirent + children[i].name.size();
    if (block.bytes + need > erofs::kBlock) break;
    block.bytes += need;
    ++block.count;
  }
  return block;
}

std::size_t directory_size(const std::vector<Child>& children) {
  std::size_t blocks = 0, last = 0;
  for (std::size_t first = 0; first < children.size(); ++blocks) {
    const DirectoryBlock block = next_block(children, first);
    first += block.count;
    last = block.bytes;
  }
  return (blocks - 1) * erofs::kBlock + last;
}

// All inodes, the root first, then in the order of the tree: a path comes after its directory.
std::vector<Inode> list_inodes(const FileTree& tree) {
  std::vector<Inode> inodes(1 + tree.size());
  std::map<std::string_view, std::size_t> directories{{"", 0}};
  std::size_t next = 1;
  for (const auto& [path, node] : tree) {
    const std::size_t slash = path.rfind('/');
    const std::string_view whole = path;
    const auto parent = directories.find(slash == std::string::npos ? std::string_view() : whole.substr(0, slash));
    UNIK_CHECK(parent != directories.end(), "a tree whose entry has no directory");
    Inode& inode = inodes[next];
    inode.node = &node;
    inode.parent = parent->second;
    inodes[parent->second].children.push_back({slash == std::string::npos ? whole : whole.substr(slash + 1), next});
    if (node.type == NodeType::kDirectory) directories.emplace(whole, next);
    ++next;
  }
  for (std::size_t i = 0; i < inodes.size(); ++i) {
    Inode& inode = inodes[i];
    if (is_directory(inode)) {
      inode.links = 2;
      for (const Child& child : inode.children) inode.links += is_directory(inodes[child.inode]) ? 1 : 0;
      inode.children.push_back({".", i});
      inode.children.push_back({"..", inode.parent});
      std::sort(inode.children.begin(), inode.children.end(),
                [](const Child& a, const Child& b) { return a.name < b.name; });
      inode.size = directory_size(inode.children);
    } else {
      inode.size =
          inode.node->type == NodeType::kSymlink ? inode.node->link.size() : static_cast<std::size_t>(inode.node->size);
    }
    const bool held = inode.node == nullptr || inode.node->type != NodeType::kFile ||
                      std::holds_alternative<std::string>(inode.node->content);
    const std::size_t limit = is_directory(inode) || type_of(inode) == kTypeSymlink
                                  ? erofs::kBlock - kInodeSize
                                  : static_cast<std::size_t>(kErofsInline);
    inode.inlined = held && inode.size > 0 && inode.size <= limit;
  }
  return inodes;
}

// Gives each inode its place; no inode crosses a block with what is inlined in it. Returns the bytes of all.
std::size_t place_inodes(std::vector<Inode>& inodes) {
  std::size_t end = kInodeSize;  // no inode is number 0
  for (Inode& inode : inodes) {
    const std::size_t need = kInodeSize + (inode.inlined ? inode.size : 0);
    if (end / erofs::kBlock != (end + need - 1) / erofs::kBlock)
      end = (end + erofs::kBlock - 1) / erofs::kBlock * erofs::kBlock;
    inode.place = end;
    end = (end + need + erofs::kSlot - 1) / erofs::kSlot * erofs::kSlot;
  }
  return (end + erofs::kBlock - 1) / erofs::kBlock * erofs::kBlock;
}

std::string directory_bytes(const std::vector<Inode>& inodes, const std::vector<Child>& children) {
  std::string out;
  for (std::size_t first = 0; first < children.size();) {
    const DirectoryBlock block = next_block(children, first);
    const std::size_t start = out.size();
    out.resize(start + block.count * erofs::kDirent);
    for (std::size_t i = 0; i < block.count; ++i) {
      const Child& child = children[first + i];
      Bytes8 bytes(out);
      const std::size_t at = start + i * erofs::kDirent;
      bytes.at<std::uint64_t>(at, inodes[child.inode].place / erofs::kSlot);
      bytes.at<std::uint16_t>(at + 8, static_cast<std::uint16_t>(out.size() - start));
      bytes.at<std::uint8_t>(at + 10, type_of(inodes[child.inode]));
      out += child.name;
    }
    first += block.count;
    if (first < children.size()) out.resize(start + erofs::kBlock);
  }
  return out;
}

void put_inode(std::string& metadata, const Inode& inode, std::size_t number) {
  const FileNode root{NodeType::kDirectory, 0755, 0, 0, kSourceDateEpoch, 0, {}, {}};
  const FileNode& node = inode.node == nullptr ? root : *inode.node;
  const unsigned format = is_directory(inode) ? S_IFDIR : node.type == NodeType::kSymlink ? S_IFLNK : S_IFREG;
  Bytes8 bytes(metadata);
  bytes.at<std::uint16_t>(inode.place, kExtended | (inode.inlined ? erofs::kInline << 1 : erofs::kPlain << 1));
  bytes.at<std::uint16_t>(inode.place + 4, static_cast<std::uint16_t>(format | (node.mode & 07777)));
  bytes.at<std::uint64_t>(inode.place + 8, inode.size);
  bytes.at<std::uint32_t>(inode.place + 16, inode.data_block);
  bytes.at<std::uint32_t>(inode.place + 20, static_cast<std::uint32_t>(number + 1));
  bytes.at<std::uint32_t>(inode.place + 24, node.uid);
  bytes.at<std::uint32_t>(inode.place + 28, node.gid);
  bytes.at<std::uint64_t>(inode.place + 32, static_cast<std::uint64_t>(node.mtime));
  bytes.at<std::uint32_t>(inode.place + 44, inode.links);
}

Result<void> write_at(int fd, std::string_view bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("cache_failed", "writing", "a boot root");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += put;
  }
  return {};
}

std::int64_t block_up(std::int64_t offset) {
  return (offset + kErofsBlock - 1) / kErofsBlock * kErofsBlock;
}

}  // namespace

ErofsImage::ErofsImage(std::shared_ptr<const ContentFile> file)
    : file_(std::move(file)), end_(std::make_shared<std::int64_t>(kErofsBlock)) {}

ContentSink ErofsImage::sink() {
  // The first block holds the superblock.
  ContentSink append = append_sink(file_, kErofsBlock, kErofsBlock, kErofsInline);
  return [append = std::move(append), file = file_, end = end_](std::int64_t size,
                                                                const ContentReader& read) -> Result<Content> {
    if (size > kMaxErofs - *end) return exhausted("root_too_large", "boot root: want at most 4 TiB, got more");
    auto content = append(size, read);
    if (!content) return content;
    if (const auto* extent = std::get_if<Extent>(&*content)) *end = block_up(extent->offset + size);
    return content;
  };
}

Result<void> ErofsImage::finish(const FileTree& tree) {
  std::vector<Inode> inodes = list_inodes(tree);
  std::int64_t end = *end_;
  for (Inode& inode : inodes) {
    if (is_directory(inode) || inode.node->type != NodeType::kFile || inode.inlined || inode.size == 0) continue;
    const auto* extent = std::get_if<Extent>(&inode.node->content);
    if (extent != nullptr && extent->file == file_) {
      inode.data_block = static_cast<std::uint32_t>(extent->offset / kErofsBlock);
      continue;
    }
    if (inode.node->size > kMaxErofs - end)
      return exhausted("root_too_large", "boot root: want at most 4 TiB, got more");
    inode.data_block = static_cast<std::uint32_t>(end / kErofsBlock);
    std::int64_t offset = end;
    auto copied = read_content(*inode.node, [&](std::string_view bytes) {
      auto written = write_at(file_->fd(), bytes, offset);
      offset += static_cast<std::int64_t>(bytes.size());
      return written;
    });
    if (!copied) return copied;
    end = block_up(offset);
  }

  const std::int64_t metadata_start = end;
  std::string metadata(place_inodes(inodes), '\0');
  end += static_cast<std::int64_t>(metadata.size());
  for (Inode& inode : inodes) {
    const bool directory = is_directory(inode);
    if (!inode.inlined && (directory || inode.node->type == NodeType::kSymlink)) {
      inode.data_block = static_cast<std::uint32_t>(end / kErofsBlock);
      const std::string bytes = directory ? directory_bytes(inodes, inode.children) : inode.node->link;
      if (auto written = write_at(file_->fd(), bytes, end); !written) return written;
      end = block_up(end + static_cast<std::int64_t>(bytes.size()));
    }
    put_inode(metadata, inode, static_cast<std::size_t>(&inode - inodes.data()));
    if (!inode.inlined) continue;
    const std::string listing = directory ? directory_bytes(inodes, inode.children) : std::string();
    const std::string& bytes = directory ? listing
                               : inode.node->type == NodeType::kSymlink
                                   ? inode.node->link
                                   : *std::get_if<std::string>(&inode.node->content);
    UNIK_CHECK(bytes.size() == inode.size, "an inode whose size is not its content's");
    std::memcpy(metadata.data() + inode.place + kInodeSize, bytes.data(), bytes.size());
  }
  if (auto written = write_at(file_->fd(), metadata, metadata_start); !written) return written;

  std::string super(erofs::kSuperSize, '\0');
  Bytes8 bytes(super);
  bytes.at<std::uint32_t>(0, erofs::kMagic);
  bytes.at<std::uint32_t>(8, kMtimeIsMtime);
  bytes.at<std::uint8_t>(12, 12);  // block size, as a power of two
  bytes.at<std::uint16_t>(14, static_cast<std::uint16_t>(inodes[0].place / erofs::kSlot));
  bytes.at<std::uint64_t>(16, inodes.size());
  bytes.at<std::uint64_t>(24, static_cast<std::uint64_t>(kSourceDateEpoch));
  bytes.at<std::uint32_t>(36, static_cast<std::uint32_t>(end / kErofsBlock));
  bytes.at<std::uint32_t>(40, static_cast<std::uint32_t>(metadata_start / kErofsBlock));
  if (auto written = write_at(file_->fd(), super, erofs::kSuperOffset); !written) return written;
  if (::ftruncate(file_->fd(), end) != 0) return system_error("cache_failed", "writing", "a boot root");
  return {};
}

}  // namespace unik::runtimes
