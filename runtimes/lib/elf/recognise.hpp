// What a file is, told by its content and never by its name, so that `deploy` can take it or refuse it with a reason
// before any VM starts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/elf/elf_info.hpp"

namespace unik::runtimes {

enum class FileKind : std::uint8_t {
  kDirectory,
  kStaticProgram,    // Linux ELF for x86-64 that needs nothing
  kDynamicProgram,   // Linux ELF for x86-64 with an interpreter
  kSharedLibrary,    // ELF that no kernel can start
  kObjectFile,       // ELF relocatable or core
  kForeignElf,       // ELF for another machine
  kMultibootKernel,  // Multiboot 1
  kMultiboot2Kernel,
  kPvhKernel,  // ELF with a PVH entry
  kBzImage,
  kDisk,        // boot sector with a signature
  kEfiDisk,     // a GPT without code for a BIOS
  kPackedDisk,  // qcow2 or vmdk
  kScript,      // #!
  kTar,         // plain or compressed
  kCpio,        // plain or compressed
  kCompressed,  // compressed, and neither tar nor cpio inside
  kZip,
  kErofs,
  kSquashfs,
  kDockerfile,
  kWindowsProgram,
  kMacProgram,
  kText,
  kEmpty,
  kSpecial,  // device, socket, pipe
  kUnknown,
};

struct Recognised {
  FileKind kind = FileKind::kUnknown;
  std::string description;     // `a dynamic Linux program for x86-64`: fits into a sentence
  std::optional<ElfInfo> elf;  // of every ELF
  std::string interpreter;     // of a script: the path after #!

  bool operator==(const Recognised&) const = default;
};

// Reads at most a few 64 KiB of the file. Symbolic links are followed. Errors: `not_found/no_such_file`,
// `unavailable/read_failed`. An ELF too broken to read is `kUnknown`, with the reason in the description.
Result<Recognised> recognise(const std::filesystem::path& path);

// For the packers: the error names the file, what it is, what is accepted and, where there is one, the way that works.
// `invalid/not_a_program`, `invalid/not_a_kernel`, `invalid/not_a_rootfs`.
Result<Recognised> recognise_program(const std::filesystem::path& path);  // kStaticProgram, kDynamicProgram
Result<Recognised> recognise_kernel(
    const std::filesystem::path& path);  // kMultibootKernel, kPvhKernel, kBzImage, kDisk
Result<Recognised> recognise_rootfs(const std::filesystem::path& path);  // kDirectory, kTar, kCpio, kErofs

// What `deploy PATH` does with it: which packer takes it. A directory is a source tree. Everything else is refused as
// `invalid/not_deployable`, with what was found and what is accepted.
enum class DeployAs : std::uint8_t { kSource, kProgram, kKernel };
Result<DeployAs> choose_packer(const std::filesystem::path& path);

}  // namespace unik::runtimes
