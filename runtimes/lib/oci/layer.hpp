// Layers: a FileTree written as a tar that is the same bytes for the same tree, and tars of any origin read back into a
// tree with nothing in them trusted.
//
// Written: entries sorted, uid and gid as the tree says, no names of users, no hard links, gzip with a fixed header and
// level. Read: plain tar or gzip, zstd, xz, bzip2; every path is checked, whiteouts are applied, hard links become
// files of their own, devices and pipes are skipped, sizes and counts are bounded. A failed read has changed nothing
// that anybody else sees: the caller drops the tree.
#pragma once

#include <functional>
#include <span>

#include "api/result.hpp"
#include "api/units.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/oci/file_tree.hpp"

namespace unik::runtimes {

struct LayerBlob {
  Descriptor descriptor;  // with the layer's annotation
  Digest diff_id;         // of the tar inside
  bool reused = false;    // the store held it: nothing was compressed

  bool operator==(const LayerBlob&) const = default;
};

// `name` becomes the annotation `dev.unikctl.layer`. The caller keeps a Hold on the store. What was compressed before
// is found by its diff id (`layers/HEX` in the store's directory), so an unchanged layer costs one hash of its content,
// and one of its blob: one that is damaged is written again.
// Errors: `not_found/no_such_file`, `unavailable/read_failed`, `conflict/source_changed` (a file changed while it was
// read), `unavailable/store_failed`.
Result<LayerBlob> put_layer(const BlobStore& store, const FileTree& tree, std::string_view name);

// A tree as an archive of its own, the same bytes as a layer of it would be. Errors: those of `put_layer` that a source
// can cause, and what `take` returns.
Result<void> write_tar_gzip(const FileTree& tree, const std::function<Result<void>(std::string_view)>& take);

struct LayerLimits {
  std::size_t entries = kMaxTreeEntries;
  Bytes total = mebibytes(64 << 10);  // of uncompressed contents; each hard link counts as the file that it becomes
};

// What the layers below have taken of the limits. Whoever lays the layers of one image over one tree has one of these,
// so that the limits are the image's.
struct LayerTotals {
  std::size_t entries = 0;
  std::int64_t bytes = 0;
};

// Where contents go while a layer is read. Called once for each file with its size; `read` fills a buffer and returns 0
// at the end. What is returned ends up in the tree.
using ContentReader = std::function<Result<std::size_t>(std::span<char>)>;
using ContentSink = std::function<Result<Content>(std::int64_t size, const ContentReader& read)>;

// A sink that appends to an unnamed temporary file in `directory`; files up to `kSmallContent` bytes stay in memory.
inline constexpr std::int64_t kSmallContent = 1024;
Result<ContentSink> spool_sink(const std::filesystem::path& directory);

// The same into `file`, from `start` on, each content at a multiple of `alignment` bytes.
ContentSink append_sink(std::shared_ptr<const ContentFile> file, std::int64_t start, std::int64_t alignment,
                        std::int64_t small_limit);

// The bytes of a tar, compressed or not. Returns 0 at the end.
using ByteSource = std::function<Result<std::size_t>(std::span<char>)>;

// Applies one layer of an image over `tree`. Errors: `invalid/unsafe_layer`, `invalid/bad_layer` (no tar, truncated),
// `exhausted/layer_too_large`, and whatever `source` and `sink` return.
Result<void> apply_layer(FileTree& tree, const ByteSource& source, const ContentSink& sink, LayerTotals& totals,
                         const LayerLimits& limits = {});

// The same from the store, its digest verified at the end.
Result<void> apply_layer(FileTree& tree, const BlobStore& store, const Descriptor& layer, const ContentSink& sink,
                         LayerTotals& totals, const LayerLimits& limits = {});
// A layer alone.
Result<void> apply_layer(FileTree& tree, const BlobStore& store, const Descriptor& layer, const ContentSink& sink,
                         const LayerLimits& limits = {});

// A tar or cpio archive as a whole root file system; whiteout names mean nothing here.
Result<void> apply_archive(FileTree& tree, const ByteSource& source, const ContentSink& sink,
                           const LayerLimits& limits = {});
Result<void> apply_archive(FileTree& tree, const std::filesystem::path& path, const ContentSink& sink,
                           const LayerLimits& limits = {});

}  // namespace unik::runtimes
