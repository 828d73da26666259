// Numbers of the erofs format that its writer and its reader share: Linux, fs/erofs/erofs_fs.h. All of it is
// little-endian; sizes and offsets are bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unik::runtimes::erofs {

inline constexpr std::uint32_t kMagic = 0xE0F5E1E2;
inline constexpr std::size_t kSuperOffset = 1024, kSuperSize = 128;
inline constexpr std::size_t kBlock = 4096;
inline constexpr std::size_t kSlot = 32;  // inodes are numbered by where they lie, in slots
inline constexpr std::size_t kDirent = 12;
inline constexpr std::uint16_t kPlain = 0, kInline = 2;  // the layout of a file's content

}  // namespace unik::runtimes::erofs
