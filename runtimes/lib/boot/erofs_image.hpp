// Writes a FileTree as an erofs image, uncompressed, without mkfs, mounts or privilege: owners and modes are just
// bytes.
//
// The same tree gives the same bytes. Contents lie first, each at a block, so that a layer's files can stream straight
// into the image while the layer is read; inodes and directories follow, small files and links lie beside their inodes.
// Uncompressed, because under software emulation reading is cheaper than unpacking.
#pragma once

#include <memory>

#include "api/result.hpp"
#include "runtimes/lib/oci/file_tree.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {

inline constexpr std::int64_t kErofsInline = 2048;                // files up to this lie beside their inode, bytes
inline constexpr std::int64_t kMaxErofs = std::int64_t{1} << 42;  // 2^30 blocks of the 2^32 that the format counts

class ErofsImage {
 public:
  // `file` is open for reading and writing, and empty.
  explicit ErofsImage(std::shared_ptr<const ContentFile> file);

  // For apply_layer: contents go into this image. Must not be used after `finish`.
  ContentSink sink();

  // Lays the tree over what the sink took. Contents from elsewhere are copied in. Errors: those of read_content,
  // `exhausted/root_too_large`, `unavailable/cache_failed`.
  Result<void> finish(const FileTree& tree);

 private:
  std::shared_ptr<const ContentFile> file_;
  std::shared_ptr<std::int64_t> end_;  // where the next content may lie
};

}  // namespace unik::runtimes
