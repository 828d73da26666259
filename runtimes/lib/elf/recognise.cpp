#include "runtimes/lib/elf/recognise.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "runtimes/lib/elf/file_bytes.hpp"

namespace unik::runtimes {
namespace {

constexpr std::uint64_t kHead = 64 << 10;  // bytes that are looked at
constexpr std::uint16_t kOsAbiLinux = 3, kOsAbiSystemV = 0;
constexpr std::uint64_t kSector = 512;
// What Linux's boot protocol says of a kernel's size, at fixed places of its header.
constexpr std::size_t kSetupSectorsAt = 0x1f1, kSystemUnitsAt = 0x1f4, kProtocolAt = 0x206;
constexpr std::uint64_t kDefaultSetupSectors = 4, kSystemUnit = 16, kProtocolWithWideSize = 0x204;
constexpr std::string_view kDeployable =
    "a Linux program for x86-64, a directory with a unik.yaml, or a kernel (Multiboot, PVH ELF, bzImage, bootable "
    "disk)";

bool has(const std::string& head, std::size_t at, std::string_view magic) {
  return head.size() >= at + magic.size() && std::string_view(head).substr(at, magic.size()) == magic;
}

Recognised as(FileKind kind, std::string description) {
  return {kind, std::move(description), std::nullopt, {}};
}

// ---- ELF
// -------------------------------------------------------------------------------------------------------------

// It has the machine of our programs and half of their pointers; our kernel does not take it.
bool is_x32(const ElfInfo& elf) {
  return elf.machine == kMachineX86_64 && elf.bits == 32;
}

Recognised recognise_elf(const ElfInfo& elf, const MultibootHeaders& multiboot) {
  const auto found = [&](FileKind kind, std::string description) {
    return Recognised{kind, std::move(description), elf, {}};
  };
  const std::string bits = std::to_string(elf.bits) + "-bit";
  const bool x86 = elf.little_endian && (elf.machine == kMachineX86_64 || elf.machine == kMachine386);
  if (elf.type == ElfType::kRelocatable) return found(FileKind::kObjectFile, "an object file that is not linked yet");
  if (elf.type == ElfType::kCore) return found(FileKind::kObjectFile, "a core dump");
  if (!x86) return found(FileKind::kForeignElf, "an ELF program for " + machine_name(elf.machine));
  if (elf.pvh_entry && elf.interpreter.empty())
    return found(FileKind::kPvhKernel, "a " + bits + " ELF kernel with a PVH entry");
  if (multiboot.version1) return found(FileKind::kMultibootKernel, "a " + bits + " Multiboot kernel");
  if (multiboot.version2) return found(FileKind::kMultiboot2Kernel, "a " + bits + " Multiboot 2 kernel");
  if (is_x32(elf)) return found(FileKind::kForeignElf, "an x32 ELF program, whose pointers have 32 bits");
  if (elf.machine == kMachine386)
    return found(FileKind::kForeignElf, "an ELF program for " + machine_name(elf.machine));
  if (elf.os_abi != kOsAbiSystemV && elf.os_abi != kOsAbiLinux)
    return found(FileKind::kForeignElf,
                 "an ELF program for another system than Linux (OS ABI " + std::to_string(elf.os_abi) + ")");
  if (!elf.interpreter.empty()) return found(FileKind::kDynamicProgram, "a dynamic Linux program for x86-64");
  if (elf.type == ElfType::kShared && (elf.entry == 0 || !elf.needed.empty() || !elf.soname.empty()))
    return found(FileKind::kSharedLibrary, "a shared library for x86-64");
  if (elf.entry == 0) return found(FileKind::kObjectFile, "an ELF file without an entry point");
  return found(FileKind::kStaticProgram, "a static Linux program for x86-64");
}

// ---- Other binaries
// --------------------------------------------------------------------------------------------------

bool is_bzimage(const std::string& head) {
  return has(head, 0x202, "HdrS") && has(head, 0x1fe, "\x55\xaa") && head.size() >= kProtocolAt + 2;
}

// How many bytes its header promises at the least: the last unit of 16 need not be filled.
std::uint64_t least_bzimage_bytes(const std::string& head) {
  const std::uint64_t sectors = number_at(head, kSetupSectorsAt, 1);
  const bool wide = number_at(head, kProtocolAt, 2) >= kProtocolWithWideSize;
  const std::uint64_t system = number_at(head, kSystemUnitsAt, wide ? 4 : 2) * kSystemUnit;
  const std::uint64_t setup = ((sectors == 0 ? kDefaultSetupSectors : sectors) + 1) * kSector;
  return setup + system - std::min(system, kSystemUnit - 1);
}

Recognised recognise_bzimage(const std::string& head, std::uint64_t size) {
  const std::uint64_t least = least_bzimage_bytes(head);
  if (size >= least) return as(FileKind::kBzImage, "a bzImage kernel");
  return as(FileKind::kUnknown, "a bzImage kernel that is cut short: " + std::to_string(size) + " bytes of at least " +
                                    std::to_string(least));
}

// A boot sector, not a bzImage and not a bare data file that happens to end so: it must begin with an instruction.
bool is_disk(const std::string& head) {
  return head.size() >= 512 && has(head, 510, "\x55\xaa") && head[0] != '\0';
}

// Its first sector protects it from those who know no GPT; to be booted by a BIOS it must also hold code.
bool is_gpt(const std::string& head) {
  return has(head, 512, "EFI PART");
}

bool is_compressed(const std::string& head) {
  return has(head, 0, "\x1f\x8b") ||
         has(head, 0,
             "\xfd"
             "7zXZ") ||
         has(head, 0, "\x28\xb5\x2f\xfd") || has(head, 0, "BZh") || has(head, 0, "\x04\x22\x4d\x18");
}

bool is_tar(const std::string& head) {
  return has(head, 257, "ustar");
}

bool is_cpio(const std::string& head) {
  return has(head, 0, "070701") || has(head, 0, "070702") || has(head, 0, "070707") || has(head, 0, "\xc7\x71");
}

// The first bytes of what a compressed file holds.
std::string unpacked_head(const std::filesystem::path& path) {
  struct archive* handle = archive_read_new();
  if (handle == nullptr) return {};
  archive_read_support_filter_all(handle);
  archive_read_support_format_raw(handle);
  std::string head;
  struct archive_entry* entry = nullptr;
  if (archive_read_open_filename(handle, path.c_str(), kHead) == ARCHIVE_OK &&
      archive_read_next_header(handle, &entry) == ARCHIVE_OK) {
    head.resize(1024);
    const la_ssize_t got = archive_read_data(handle, head.data(), head.size());
    head.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  archive_read_free(handle);
  return head;
}

// ---- Text
// ------------------------------------------------------------------------------------------------------------

bool is_text(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\x1b';
  });
}

// The first instruction of a Dockerfile is FROM; only comments, parser directives and ARG may come before it.
bool is_dockerfile(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    std::string line(head.substr(0, end));
    head.remove_prefix(std::min(end + 1, head.size()));
    line.erase(0, line.find_first_not_of(" \t\r"));
    if (line.empty() || line[0] == '#') continue;
    std::string word = line.substr(0, line.find_first_of(" \t\r"));
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::toupper(c); });
    if (word == "ARG") continue;
    return word == "FROM" && line.size() > word.size();
  }
  return false;
}

Recognised recognise_script(const std::string& head) {
  std::string line = head.substr(2, std::min<std::size_t>(head.find('\n'), 256) - 2);
  line.erase(0, line.find_first_not_of(" \t"));
  Recognised found = as(FileKind::kScript, "a script");
  found.interpreter = line.substr(0, line.find_first_of(" \t\r"));
  if (!found.interpreter.empty()) found.description += " for " + found.interpreter;
  return found;
}

Recognised recognise_bytes(const std::filesystem::path& path, const std::string& head, std::uint64_t size) {
  if (head.empty()) return as(FileKind::kEmpty, "an empty file");
  if (has(head, 0, "#!")) return recognise_script(head);
  if (is_bzimage(head)) return recognise_bzimage(head, size);
  if (is_tar(head)) return as(FileKind::kTar, "a tar archive");
  if (is_cpio(head)) return as(FileKind::kCpio, "a cpio archive");
  if (has(head, 1024, "\xe2\xe1\xf5\xe0")) return as(FileKind::kErofs, "an erofs image");
  if (has(head, 0, "hsqs")) return as(FileKind::kSquashfs, "a squashfs image");
  if (has(head, 0, "PK\x03\x04")) return as(FileKind::kZip, "a zip or jar archive");
  if (has(head, 0, "MZ")) return as(FileKind::kWindowsProgram, "a Windows or EFI program");
  if (has(head, 0, "\xcf\xfa\xed\xfe") || has(head, 0, "\xca\xfe\xba\xbe"))
    return as(FileKind::kMacProgram, "a macOS program or Java class");
  if (has(head, 0, "QFI\xfb")) return as(FileKind::kPackedDisk, "a qcow2 disk image");
  if (has(head, 0, "KDMV")) return as(FileKind::kPackedDisk, "a vmdk disk image");
  if (is_compressed(head)) {
    const std::string inner = unpacked_head(path);
    if (is_tar(inner)) return as(FileKind::kTar, "a compressed tar archive");
    if (is_cpio(inner)) return as(FileKind::kCpio, "a compressed cpio archive");
    return as(FileKind::kCompressed, "a compressed file that holds neither tar nor cpio");
  }
  if (is_gpt(head) && !is_disk(head)) return as(FileKind::kEfiDisk, "a disk image with a GPT and no BIOS boot code");
  if (is_disk(head))
    return as(FileKind::kDisk, is_gpt(head) ? "a disk image with a GPT" : "a disk image with a boot sector");
  const auto multiboot = find_multiboot(path);
  if (multiboot && multiboot->version1) return as(FileKind::kMultibootKernel, "a raw Multiboot kernel");
  if (multiboot && multiboot->version2) return as(FileKind::kMultiboot2Kernel, "a raw Multiboot 2 kernel");
  if (is_text(head)) {
    if (is_dockerfile(head)) return as(FileKind::kDockerfile, "a Dockerfile");
    return as(FileKind::kText, "a text file");
  }
  return as(FileKind::kUnknown, "of no known kind");
}

// ---- What to do instead
// ----------------------------------------------------------------------------------------------

std::string advice(const Recognised& found) {
  switch (found.kind) {
    case FileKind::kScript:
      return "; name the interpreter as the program and the script with --include, or write a unik.yaml";
    case FileKind::kForeignElf:
      return found.elf && is_x32(*found.elf) ? "; build it with -m64" : "; build it for x86-64 Linux";
    case FileKind::kSharedLibrary:
      return "; name the program that uses it, and this with --include";
    case FileKind::kMultiboot2Kernel:
      return "; QEMU enters Multiboot 1 and PVH only, so build it with one of these";
    case FileKind::kEfiDisk:
      return "; there is no EFI firmware here: use an image that boots by BIOS, or deploy its kernel with --initrd";
    case FileKind::kPackedDisk:
      return "; make it raw: qemu-img convert -O raw PATH disk.img";
    case FileKind::kTar:
    case FileKind::kCpio:
    case FileKind::kErofs:
      return "; as a root file system it is deployed by --rootfs PATH -- COMMAND";
    case FileKind::kDockerfile:
      return "; there is no Docker here: put its build command into a unik.yaml, or export the image's file system as "
             "a tar "
             "and use --rootfs";
    case FileKind::kMultibootKernel:
    case FileKind::kPvhKernel:
    case FileKind::kBzImage:
    case FileKind::kDisk:
      return "; a kernel is deployed by its path alone: deploy PATH";
    default:
      return "";
  }
}

Result<Recognised> expect(const std::filesystem::path& path, std::initializer_list<FileKind> kinds, const char* reason,
                          std::string_view accepted) {
  auto found = recognise(path);
  if (!found) return found;
  if (std::find(kinds.begin(), kinds.end(), found->kind) != kinds.end()) return found;
  return invalid(reason,
                 path.string() + ": want " + std::string(accepted) + ", found " + found->description + advice(*found));
}

}  // namespace

Result<Recognised> recognise(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return system_error("read_failed", "reading", path);
  if (S_ISDIR(status.st_mode)) return as(FileKind::kDirectory, "a directory");
  if (!S_ISREG(status.st_mode)) return as(FileKind::kSpecial, "a device, pipe or socket");
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  const std::string head = file->read_some(0, kHead);
  if (!has(head, 0,
           "\x7f"
           "ELF"))
    return recognise_bytes(path, head, file->size());
  auto elf = read_elf(path);
  if (!elf) {
    // Who asked names the file already.
    std::string why = elf.error().message;
    const std::string file_name = path.string() + ": ";
    if (why.starts_with(file_name)) why.erase(0, file_name.size());
    return as(FileKind::kUnknown, why);
  }
  const auto multiboot = find_multiboot(path);
  return recognise_elf(*elf, multiboot ? *multiboot : MultibootHeaders{});
}

Result<Recognised> recognise_program(const std::filesystem::path& path) {
  return expect(path, {FileKind::kStaticProgram, FileKind::kDynamicProgram}, "not_a_program",
                "a Linux program for x86-64");
}

Result<Recognised> recognise_kernel(const std::filesystem::path& path) {
  return expect(path, {FileKind::kMultibootKernel, FileKind::kPvhKernel, FileKind::kBzImage, FileKind::kDisk},
                "not_a_kernel",
                "a Multiboot kernel, an ELF kernel with a PVH entry, a bzImage or a bootable disk image");
}

Result<Recognised> recognise_rootfs(const std::filesystem::path& path) {
  return expect(path, {FileKind::kDirectory, FileKind::kTar, FileKind::kCpio, FileKind::kErofs}, "not_a_rootfs",
                "a directory, or a tar, cpio or erofs image");
}

Result<DeployAs> choose_packer(const std::filesystem::path& path) {
  auto found = expect(path,
                      {FileKind::kDirectory, FileKind::kStaticProgram, FileKind::kDynamicProgram,
                       FileKind::kMultibootKernel, FileKind::kPvhKernel, FileKind::kBzImage, FileKind::kDisk},
                      "not_deployable", kDeployable);
  if (!found) return std::move(found).error();
  if (found->kind == FileKind::kDirectory) return DeployAs::kSource;
  const bool program = found->kind == FileKind::kStaticProgram || found->kind == FileKind::kDynamicProgram;
  return program ? DeployAs::kProgram : DeployAs::kKernel;
}

}  // namespace unik::runtimes
