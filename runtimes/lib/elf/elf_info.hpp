// What an ELF file says of itself, read by bounded code of our own: the file may be hostile, so every offset is checked
// against the file's size and every count against a named limit. Nothing is executed or mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/units.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxProgramHeaders = 1024;
inline constexpr std::size_t kMaxDynamicEntries = 65536;
inline constexpr std::size_t kMaxElfString = 4096;       // bytes of one name or path
inline constexpr std::int64_t kMultiboot1Window = 8192;  // bytes from the start in which its header may lie
inline constexpr std::int64_t kMultiboot2Window = 32768;
inline constexpr std::uint16_t kMachine386 = 3, kMachineX86_64 = 62;

enum class ElfType : std::uint8_t { kRelocatable, kExecutable, kShared, kCore, kOther };

// `major.minor` of a GLIBC_x.y symbol version.
struct GlibcVersion {
  int major = 0;
  int minor = 0;

  auto operator<=>(const GlibcVersion&) const = default;
};
std::string to_string(const GlibcVersion& version);
// Of `2.34`, and of `2.2.5` its first two numbers.
std::optional<GlibcVersion> parse_glibc_version(std::string_view text);

struct ElfInfo {
  int bits = 64;  // 32 or 64
  bool little_endian = true;
  ElfType type = ElfType::kOther;
  std::uint16_t machine = 0;
  std::uint8_t os_abi = 0;
  std::uint64_t entry = 0;
  std::string interpreter;     // empty: none asked for
  bool dynamic = false;        // has a dynamic section (a static PIE has one too)
  std::uint64_t load_end = 0;  // the first physical address above all that is loaded
  std::string soname;
  std::vector<std::string> needed;  // DT_NEEDED, in order
  std::vector<std::string> rpath;   // split at `:`, unexpanded
  std::vector<std::string> runpath;
  std::optional<std::uint32_t> pvh_entry;     // XEN_ELFNOTE_PHYS32_ENTRY
  std::optional<GlibcVersion> newest_glibc;   // of all symbol versions asked for
  std::optional<GlibcVersion> defined_glibc;  // the newest that it defines: of a C library

  // Asks for no interpreter and no libraries: runs alone.
  bool is_static() const { return interpreter.empty() && needed.empty(); }
  bool operator==(const ElfInfo&) const = default;
};

// `x86-64`, `aarch64`, `machine 243`.
std::string machine_name(std::uint16_t machine);

// Errors: `not_found/no_such_file`, `invalid/not_elf`, `invalid/bad_elf` (truncated or contradictory, saying where).
Result<ElfInfo> read_elf(const std::filesystem::path& path);

// The header that a multiboot loader looks for, in any kind of file.
struct MultibootHeaders {
  bool version1 = false;
  bool version2 = false;
  std::uint64_t load_end = 0;  // as in ElfInfo, where a header of version 1 says so

  bool operator==(const MultibootHeaders&) const = default;
};
Result<MultibootHeaders> find_multiboot(const std::filesystem::path& path);

// How much memory a Multiboot or PVH kernel fills before it runs; 0 where the file does not say.
Bytes kernel_load_end(const std::filesystem::path& path);

}  // namespace unik::runtimes
