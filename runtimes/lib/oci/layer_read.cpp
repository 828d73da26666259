// The reading half of layer.hpp: libarchive takes the archive apart, everything that it says is checked here.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {
namespace {

constexpr std::size_t kLayerChunk = 128 << 10;
constexpr std::size_t kMaxLinkTarget = 4032;          // so that it lies in one block with its inode
constexpr std::int64_t kMaxSmallContents = 64 << 20;  // bytes that a sink may keep in memory altogether
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

enum class ArchiveUse { kLayer, kRootfs };

// libarchive's handle, and the source that its callback reads from.
struct Opened {
  struct archive* handle = archive_read_new();
  const ByteSource& source;
  std::vector<char> buffer = std::vector<char>(kLayerChunk);
  std::optional<Error> source_error;

  explicit Opened(const ByteSource& from) : source(from) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { archive_read_free(handle); }

  static la_ssize_t read(struct archive* handle, void* context, const void** bytes) {
    auto* self = static_cast<Opened*>(context);
    auto got = self->source(self->buffer);
    if (!got) {
      self->source_error = std::move(got).error();
      archive_set_error(handle, EIO, "the source failed");
      return -1;
    }
    *bytes = self->buffer.data();
    return static_cast<la_ssize_t>(*got);
  }
};

class ArchiveReader {
 public:
  ArchiveReader(FileTree& tree, const ByteSource& source, const ContentSink& sink, LayerTotals& totals,
                const LayerLimits& limits, ArchiveUse use)
      : tree_(tree), opened_(source), sink_(sink), totals_(totals), limits_(limits), use_(use) {}

  Result<void> run() {
    struct archive* handle = opened_.handle;
    UNIK_CHECK(handle != nullptr, "no memory for an archive reader");
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_zstd(handle);
    archive_read_support_filter_xz(handle);
    archive_read_support_filter_bzip2(handle);
    archive_read_support_format_tar(handle);
    if (use_ == ArchiveUse::kRootfs) archive_read_support_format_cpio(handle);
    if (archive_read_open(handle, &opened_, nullptr, &Opened::read, nullptr) != ARCHIVE_OK) return broken();
    while (true) {
      struct archive_entry* entry = nullptr;
      const int code = archive_read_next_header(handle, &entry);
      if (code == ARCHIVE_EOF) return drain();
      // A warning is a name that this process' locale cannot spell; its bytes are there all the same.
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return broken();
      if (++totals_.entries > limits_.entries)
        return exhausted("layer_too_large",
                         "archive: want at most " + std::to_string(limits_.entries) + " entries, got more");
      if (auto added = add(entry); !added) return added;
    }
  }

 private:
  Error broken() {
    if (opened_.source_error) return *opened_.source_error;
    const char* why = archive_error_string(opened_.handle);
    return invalid("bad_layer", std::string("archive: want a ") +
                                    (use_ == ArchiveUse::kRootfs ? "tar or cpio" : "tar") +
                                    " that is whole, found: " + (why != nullptr ? why : "something else"));
  }

  // What follows the archive's end is read too: only then has the source verified itself.
  Result<void> drain() {
    while (true) {
      auto got = opened_.source(opened_.buffer);
      if (!got) return std::move(got).error();
      if (*got == 0) return {};
    }
  }

  Error unsafe(std::string_view path, const std::string& why) {
    return invalid("unsafe_layer", "archive: `" + std::string(path.substr(0, 256)) + "`: " + why);
  }

  Result<void> put(const std::string& path, FileNode node) {
    const Result<void> done = put_node(tree_, path, std::move(node), true);
    if (!done) return invalid("unsafe_layer", "archive: " + done.error().message);
    added_.insert(path);
    return {};
  }

  // Things of lower layers below `path` (or `path` itself) go; what this layer brought stays.
  void hide(const std::string& path, bool itself) {
    if (itself && !added_.contains(path)) {
      const auto it = tree_.find(path);
      if (it == tree_.end()) return;
      if (it->second.type != NodeType::kDirectory || added_.lower_bound(path + "/") == added_.lower_bound(path + "0")) {
        remove_node(tree_, path);
        return;
      }
    }
    for (auto it = path.empty() ? tree_.begin() : tree_.lower_bound(path + "/");
         it != tree_.end() && (path.empty() || it->first.starts_with(path + "/"));) {
      const bool ours =
          added_.contains(it->first) || added_.lower_bound(it->first + "/") != added_.lower_bound(it->first + "0");
      it = ours ? std::next(it) : tree_.erase(it);
    }
  }

  // The path with the links of its directories followed, which is how the tree knows it.
  std::string place_of(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return path;
    const std::string parent = resolve_in_tree(tree_, path.substr(0, slash));
    return parent.empty() ? path : parent + path.substr(slash);
  }

  Result<void> add(struct archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) raw = archive_entry_pathname_utf8(entry);
    if (raw == nullptr) return unsafe("", "want a name, found none");
    auto clean = tree_path(raw);
    if (!clean) return invalid("unsafe_layer", "archive: " + clean.error().message);
    if (clean->empty()) return {};
    const std::string path = place_of(*clean);
    if (use_ == ArchiveUse::kLayer) {
      const std::size_t slash = path.rfind('/');
      const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
      const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
      if (name == kOpaque) return hide(parent, false), Result<void>();
      if (name.starts_with(kWhiteout)) {
        const std::string hidden = name.substr(kWhiteout.size());
        if (hidden.empty() || hidden == "." || hidden == "..") return unsafe(path, "want a whiteout of a name");
        return hide(parent.empty() ? hidden : parent + "/" + hidden, true), Result<void>();
      }
    }
    if (archive_entry_hardlink(entry) != nullptr) return add_hard_link(entry, path);
    return add_node(entry, path);
  }

  FileNode attributes(struct archive_entry* entry) {
    FileNode node;
    node.mode = static_cast<std::uint32_t>(archive_entry_perm(entry)) & 07777;
    node.uid = static_cast<std::uint32_t>(archive_entry_uid(entry));
    node.gid = static_cast<std::uint32_t>(archive_entry_gid(entry));
    node.mtime = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : kSourceDateEpoch;
    return node;
  }

  Result<void> add_node(struct archive_entry* entry, const std::string& path) {
    FileNode node = attributes(entry);
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        node.type = NodeType::kDirectory;
        return put(path, std::move(node));
      case AE_IFLNK: {
        node.type = NodeType::kSymlink;
        node.mode = 0777;
        const char* link = archive_entry_symlink(entry);
        if (link == nullptr) link = archive_entry_symlink_utf8(entry);
        node.link = link == nullptr ? "" : link;
        if (node.link.empty() || node.link.size() > kMaxLinkTarget)
          return unsafe(path, "want a link target of 1 to " + std::to_string(kMaxLinkTarget) + " bytes");
        return put(path, std::move(node));
      }
      case AE_IFREG:
        if (auto stored = store(entry, node); !stored) return stored;
        return put(path, std::move(node));
      default:  // Devices, pipes and sockets mean nothing on a read-only root; the guest's init makes /dev.
        return {};
    }
  }

  Result<void> add_hard_link(struct archive_entry* entry, const std::string& path) {
    auto clean = tree_path(archive_entry_hardlink(entry));
    if (!clean) return invalid("unsafe_layer", "archive: hard link of `" + path + "`: " + clean.error().message);
    const std::string target = place_of(*clean);
    auto there = tree_.find(target);
    if (there == tree_.end() || there->second.type == NodeType::kDirectory)
      return unsafe(path, "want a hard link to a file that came before, found one to `" + target + "`");
    FileNode node = there->second;
    // A cpio gives the content of a file with its last name.
    if (node.type == NodeType::kFile && archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0) {
      if (auto stored = store(entry, node); !stored) return stored;
      there->second = node;
    }
    // Whoever writes the tree again writes each of its files.
    if (auto counted = count(node.size); !counted) return counted;
    return put(path, std::move(node));
  }

  Result<void> count(std::int64_t size) {
    if (size < 0 || size > limits_.total.value - totals_.bytes)
      return exhausted("layer_too_large",
                       "archive: want at most " + format_bytes(limits_.total) + " of files, got more");
    totals_.bytes += size;
    return {};
  }

  Result<void> store(struct archive_entry* entry, FileNode& node) {
    const std::int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (auto counted = count(size); !counted) return counted;
    const ContentReader read = [&](std::span<char> into) -> Result<std::size_t> {
      const la_ssize_t got = archive_read_data(opened_.handle, into.data(), into.size());
      if (got < 0) return broken();
      return static_cast<std::size_t>(got);
    };
    auto content = sink_(size, read);
    if (!content) return std::move(content).error();
    node.type = NodeType::kFile;
    node.size = size;
    node.content = *std::move(content);
    return {};
  }

  FileTree& tree_;
  Opened opened_;
  const ContentSink& sink_;
  LayerTotals& totals_;
  const LayerLimits& limits_;
  ArchiveUse use_;
  std::set<std::string, std::less<>> added_;
};

Error short_content() {
  return invalid("bad_layer", "archive: a file is shorter than its header says");
}

// Appends to one file at multiples of `alignment`.
struct Spool {
  std::shared_ptr<const ContentFile> file;
  std::int64_t end = 0;
  std::int64_t alignment = 1;
  std::int64_t small_limit = kSmallContent;
  std::int64_t small_total = 0;
  std::vector<char> buffer = std::vector<char>(kLayerChunk);

  Result<Content> take(std::int64_t size, const ContentReader& read) {
    if (size <= small_limit && small_total + size <= kMaxSmallContents) return keep(size, read);
    const std::int64_t start = (end + alignment - 1) / alignment * alignment;
    for (std::int64_t done = 0; done < size;) {
      auto got = read(std::span(buffer).first(
          static_cast<std::size_t>(std::min<std::int64_t>(size - done, static_cast<std::int64_t>(buffer.size())))));
      if (!got) return std::move(got).error();
      if (*got == 0) return short_content();
      for (std::size_t written = 0; written < *got;) {
        const ssize_t put = ::pwrite(file->fd(), buffer.data() + written, *got - written,
                                     start + done + static_cast<std::int64_t>(written));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error("cache_failed", "writing", "the contents of a layer");
        written += static_cast<std::size_t>(put);
      }
      done += static_cast<std::int64_t>(*got);
    }
    end = start + size;
    return Content(Extent{file, start});
  }

  Result<Content> keep(std::int64_t size, const ContentReader& read) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      auto got = read(std::span(bytes).subspan(done));
      if (!got) return std::move(got).error();
      if (*got == 0) return short_content();
      done += *got;
    }
    small_total += size;
    return Content(std::move(bytes));
  }
};

}  // namespace

ContentSink append_sink(std::shared_ptr<const ContentFile> file, std::int64_t start, std::int64_t alignment,
                        std::int64_t small_limit) {
  auto spool = std::make_shared<Spool>();
  spool->file = std::move(file);
  spool->end = start;
  spool->alignment = alignment;
  spool->small_limit = small_limit;
  return [spool](std::int64_t size, const ContentReader& read) { return spool->take(size, read); };
}

Result<ContentSink> spool_sink(const std::filesystem::path& directory) {
  const std::filesystem::path path = fresh_name(directory, ".spool-");
  auto fd = open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!fd) return std::move(fd).error();
  ::unlink(path.c_str());
  return append_sink(std::make_shared<const ContentFile>(fd->release()), 0, 1, kSmallContent);
}

Result<void> apply_layer(FileTree& tree, const ByteSource& source, const ContentSink& sink, LayerTotals& totals,
                         const LayerLimits& limits) {
  return ArchiveReader(tree, source, sink, totals, limits, ArchiveUse::kLayer).run();
}

Result<void> apply_layer(FileTree& tree, const BlobStore& store, const Descriptor& layer, const ContentSink& sink,
                         const LayerLimits& limits) {
  LayerTotals totals;
  return apply_layer(tree, store, layer, sink, totals, limits);
}

Result<void> apply_layer(FileTree& tree, const BlobStore& store, const Descriptor& layer, const ContentSink& sink,
                         LayerTotals& totals, const LayerLimits& limits) {
  auto blob = store.open_blob(layer.digest);
  if (!blob) return std::move(blob).error();
  const ByteSource source = [&](std::span<char> into) { return blob->read(into); };
  const Result<void> applied = apply_layer(tree, source, sink, totals, limits);
  if (applied) return applied;
  // Damage on this disk looks like a bad archive first; the digest tells the two apart.
  std::array<char, 16384> rest;
  while (true) {
    auto got = blob->read(rest);
    if (!got) return std::move(got).error();
    if (*got == 0) break;
  }
  Error error = applied.error();
  error.message = "layer " + to_string(layer.digest) + ": " + error.message;
  return error;
}

Result<void> apply_archive(FileTree& tree, const ByteSource& source, const ContentSink& sink,
                           const LayerLimits& limits) {
  LayerTotals totals;
  return ArchiveReader(tree, source, sink, totals, limits, ArchiveUse::kRootfs).run();
}

Result<void> apply_archive(FileTree& tree, const std::filesystem::path& path, const ContentSink& sink,
                           const LayerLimits& limits) {
  auto fd = open_file(path, O_RDONLY);
  if (!fd) return std::move(fd).error();
  const ByteSource source = [&](std::span<char> into) -> Result<std::size_t> {
    ssize_t got = 0;
    do got = ::read(fd->get(), into.data(), into.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) return system_error("read_failed", "reading", path);
    return static_cast<std::size_t>(got);
  };
  const Result<void> applied = apply_archive(tree, source, sink, limits);
  if (applied) return applied;
  Error error = applied.error();
  error.message = path.string() + ": " + error.message;
  return error;
}

}  // namespace unik::runtimes
