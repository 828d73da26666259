#include "runtimes/lib/pack/erofs_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "runtimes/lib/boot/erofs_format.hpp"
#include "runtimes/lib/elf/file_bytes.hpp"
#include "runtimes/lib/pack/run_program.hpp"

namespace unik::runtimes {
namespace {

constexpr std::uint64_t kMaxDirectoryBytes = 256 << 20;
constexpr std::size_t kMaxSaid = 4096;  // bytes of fsck.erofs's output that an error repeats
constexpr const char* kFsck[] = {"/usr/bin/fsck.erofs", "/usr/sbin/fsck.erofs", "/sbin/fsck.erofs"};

struct StoredInode {
  std::uint32_t mode = 0, uid = 0, gid = 0, raw_block = 0;
  std::int64_t mtime = 0;
  std::uint64_t size = 0, place = 0, header_size = 0;
  unsigned layout = 0;
};

class ErofsReader {
 public:
  ErofsReader(const FileBytes& file, const std::filesystem::path& path) : file_(file), path_(path) {}

  Result<FileTree> run() {
    const auto super = file_.read(erofs::kSuperOffset, erofs::kSuperSize);
    if (!super || number_at(*super, 0, 4) != erofs::kMagic) return bad("no superblock");
    if (number_at(*super, 12, 1) != 12) return bad("want blocks of 4096 bytes, found others");
    metadata_ = number_at(*super, 40, 4) * erofs::kBlock;
    build_time_ = static_cast<std::int64_t>(number_at(*super, 24, 8));
    if (auto walked = walk(number_at(*super, 14, 2), "", 0); !walked) return std::move(walked).error();
    return std::move(tree_);
  }

 private:
  Error bad(const std::string& why) const {
    return invalid("bad_erofs", path_.string() + ": want a whole erofs image: " + why);
  }

  Result<StoredInode> inode(std::uint64_t number) const {
    if (number > file_.size() / erofs::kSlot) return bad("an inode lies outside the file");
    StoredInode inode;
    inode.place = metadata_ + number * erofs::kSlot;
    const auto start = file_.read(inode.place, 32);
    if (!start) return bad("an inode lies outside the file");
    const std::uint64_t format = number_at(*start, 0, 2), attributes = number_at(*start, 2, 2);
    inode.layout = (format >> 1) & 7;
    inode.mode = static_cast<std::uint32_t>(number_at(*start, 4, 2));
    inode.raw_block = static_cast<std::uint32_t>(number_at(*start, 16, 4));
    inode.header_size = (format & 1) != 0 ? 64 : 32;
    if ((format & 1) != 0) {
      const auto wide = file_.read(inode.place, 64);
      if (!wide) return bad("an inode lies outside the file");
      inode.size = number_at(*wide, 8, 8);
      inode.uid = static_cast<std::uint32_t>(number_at(*wide, 24, 4));
      inode.gid = static_cast<std::uint32_t>(number_at(*wide, 28, 4));
      inode.mtime = static_cast<std::int64_t>(number_at(*wide, 32, 8));
    } else {
      inode.size = number_at(*start, 8, 4);
      inode.uid = static_cast<std::uint32_t>(number_at(*start, 24, 2));
      inode.gid = static_cast<std::uint32_t>(number_at(*start, 26, 2));
      inode.mtime = build_time_;
    }
    if (attributes > 0) inode.header_size += 12 + (attributes - 1) * 4;
    return inode;
  }

  // One block of a directory or link; these are never compressed.
  std::optional<std::string> block(const StoredInode& inode, std::uint64_t index) const {
    const std::uint64_t length = std::min(erofs::kBlock, inode.size - index * erofs::kBlock);
    const bool last = index == (inode.size - 1) / erofs::kBlock;
    if (inode.layout == erofs::kInline && last) return file_.read(inode.place + inode.header_size, length);
    return file_.read((inode.raw_block + index) * erofs::kBlock, length);
  }

  Result<void> walk(std::uint64_t number, const std::string& at, std::size_t depth) {
    auto directory = inode(number);
    if (!directory) return std::move(directory).error();
    if (!S_ISDIR(directory->mode)) return bad("its root is no directory");
    if (depth > kMaxTreeDepth) return bad("more than 256 levels");
    if (directory->layout != erofs::kPlain && directory->layout != erofs::kInline)
      return bad("a directory of unknown layout");
    if (directory->size > kMaxDirectoryBytes) return bad("a directory beyond 256 MiB");
    std::string before;
    for (std::uint64_t i = 0; i * erofs::kBlock < directory->size; ++i) {
      const auto bytes = block(*directory, i);
      if (!bytes || bytes->size() < erofs::kDirent) return bad("a directory lies outside the file");
      const std::uint64_t names = number_at(*bytes, 8, 2);
      if (names < erofs::kDirent || names % erofs::kDirent != 0 || names > bytes->size())
        return bad("a directory whose names are misplaced");
      for (std::uint64_t entry = 0; entry < names; entry += erofs::kDirent) {
        const std::uint64_t start = number_at(*bytes, entry + 8, 2);
        const std::uint64_t end =
            entry + erofs::kDirent < names ? number_at(*bytes, entry + erofs::kDirent + 8, 2) : bytes->size();
        if (start >= end || end > bytes->size()) return bad("a directory whose names are misplaced");
        std::string name = bytes->substr(start, end - start);
        name.resize(std::min(name.find('\0'), name.size()));
        // In order and without doubles: so no name can stand for a link first and for a directory later.
        if (name.empty() || name.size() > kMaxTreeName || name.find('/') != std::string::npos || name <= before)
          return bad("a name that no directory may hold in `/" + at + "`");
        before = name;
        if (name == "." || name == "..") continue;
        if (auto added = add(number_at(*bytes, entry, 8), at.empty() ? name : at + "/" + name, depth); !added)
          return added;
      }
    }
    return {};
  }

  Result<void> add(std::uint64_t number, const std::string& path, std::size_t depth) {
    if (tree_.size() >= kMaxTreeEntries)
      return exhausted("root_too_large", path_.string() + ": want at most 1000000 files");
    if (path.size() > kMaxTreePath) return bad("a path beyond 4095 bytes");
    auto found = inode(number);
    if (!found) return std::move(found).error();
    FileNode node;
    node.mode = found->mode & 07777;
    node.uid = found->uid;
    node.gid = found->gid;
    node.mtime = found->mtime;
    if (S_ISDIR(found->mode)) {
      node.type = NodeType::kDirectory;
      tree_.emplace(path, std::move(node));
      return walk(number, path, depth + 1);
    }
    if (S_ISREG(found->mode)) {
      node.size = static_cast<std::int64_t>(found->size);
      if (node.size < 0) return bad("a file of impossible size");
      total_ += node.size;
      if (total_ > kMaxContents || node.size > kMaxContents)
        return exhausted("root_too_large", path_.string() + ": want at most 64 GiB of files, found more");
      tree_.emplace(path, std::move(node));
    }
    if (S_ISLNK(found->mode)) {
      if (found->size == 0 || found->size > erofs::kBlock) return bad("a link of impossible length");
      const auto target = block(*found, 0);
      if (!target || target->find('\0') != std::string::npos) return bad("a link that lies outside the file");
      node.type = NodeType::kSymlink;
      node.mode = 0777;
      node.link = *target;
      tree_.emplace(path, std::move(node));
    }
    return {};
  }

  static constexpr std::int64_t kMaxContents = std::int64_t{64} << 30;
  const FileBytes& file_;
  const std::filesystem::path& path_;
  FileTree tree_;
  std::uint64_t metadata_ = 0;
  std::int64_t build_time_ = 0;
  std::int64_t total_ = 0;
};

Result<void> unpack(const std::filesystem::path& image, const std::filesystem::path& scratch) {
  const char* program = nullptr;
  for (const char* candidate : kFsck)
    if (program == nullptr && ::access(candidate, X_OK) == 0) program = candidate;
  if (program == nullptr)
    return unavailable("no_fsck_erofs",
                       image.string() + ": want fsck.erofs to unpack it, found none; install erofs-utils");
  std::string said;
  ProgramRun run;
  run.args = {
      program,       "--extract=" + scratch.string(), "--overwrite", "--no-preserve-owner", "--no-preserve-perms",
      image.string()};
  run.output = [&](std::string_view text) { said.append(text.substr(0, kMaxSaid - std::min(said.size(), kMaxSaid))); };
  auto code = run_program(run);
  if (!code) return std::move(code).error();
  if (*code != 0) return invalid("bad_erofs", image.string() + ": fsck.erofs could not unpack it: " + said);
  return {};
}

}  // namespace

Result<FileTree> read_erofs(const std::filesystem::path& image, const std::filesystem::path& scratch) {
  auto file = FileBytes::open(image);
  if (!file) return std::move(file).error();
  auto tree = ErofsReader(*file, image).run();
  if (!tree) return tree;
  if (auto unpacked = unpack(image, scratch); !unpacked) return std::move(unpacked).error();
  for (auto& [path, node] : *tree) {
    if (node.type != NodeType::kFile) continue;
    struct stat status {};
    const std::filesystem::path place = scratch / path;
    if (::lstat(place.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != node.size)
      return invalid("bad_erofs", image.string() + ": `/" + path + "` could not be unpacked");
    node.content = HostFile{place};
  }
  return tree;
}

}  // namespace unik::runtimes
