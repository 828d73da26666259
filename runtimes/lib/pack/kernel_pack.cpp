#include "runtimes/lib/pack/kernel_pack.hpp"

#include <algorithm>

#include "runtimes/lib/boot/boot_root.hpp"
#include "runtimes/lib/elf/file_bytes.hpp"
#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"

namespace unik::runtimes {
namespace {

constexpr std::uint64_t kMaxMultibootKernel = 256 << 20;  // bytes; one that is rewritten is held in memory
constexpr std::uint64_t kFourGiB = std::uint64_t{1} << 32;
constexpr std::size_t kHeader64 = 64, kHeader32 = 52, kSegment64 = 56, kSegment32 = 32;

BootKind boot_kind(FileKind kind) {
  switch (kind) {
    case FileKind::kMultibootKernel:
      return BootKind::kMultiboot;
    case FileKind::kPvhKernel:
      return BootKind::kPvh;
    case FileKind::kBzImage:
      return BootKind::kBzImage;
    default:
      return BootKind::kDisk;
  }
}

void put_number(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

// The headers of a 64-bit ELF, said in the narrower form at the same places; what they point to stays where it is, and
// so does the Multiboot header. Virtual addresses lose their upper half, which a loader does not use.
Result<std::string> narrow_elf(const std::filesystem::path& path) {
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  const auto bad = [&](const std::string& why) {
    return invalid("not_a_kernel", path.string() + ": want a Multiboot kernel that QEMU can load, found one " + why);
  };
  if (file->size() > kMaxMultibootKernel) return bad("beyond 256 MiB");
  auto whole = file->read(0, file->size());
  if (!whole || whole->size() < kHeader64) return bad("that is cut short");
  const std::string old = *whole;
  const std::uint64_t entry = number_at(old, 24, 8), table = number_at(old, 32, 8);
  const std::uint64_t width = number_at(old, 54, 2), count = number_at(old, 56, 2);
  if (width != kSegment64 || count == 0 || count > kMaxProgramHeaders || table < kHeader64 || table > old.size() ||
      count * kSegment64 > old.size() - table)
    return bad("with strange program headers");

  std::string& bytes = *whole;
  std::fill(bytes.begin(), bytes.begin() + kHeader64, '\0');
  bytes.replace(0, 16, old.substr(0, 16));
  put_number(bytes, 4, 1, 1);   // 32 bits
  put_number(bytes, 16, 2, 2);  // executable
  put_number(bytes, 18, 2, kMachine386);
  put_number(bytes, 20, 4, 1);
  put_number(bytes, 24, 4, entry);
  put_number(bytes, 28, 4, table);
  put_number(bytes, 40, 2, kHeader32);
  put_number(bytes, 42, 2, kSegment32);
  put_number(bytes, 44, 2, count);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(table), count * kSegment64, '\0');
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t from = table + i * kSegment64, to = table + i * kSegment32;
    const std::uint64_t offset = number_at(old, from + 8, 8), virtual_address = number_at(old, from + 16, 8);
    const std::uint64_t physical = number_at(old, from + 24, 8), in_file = number_at(old, from + 32, 8);
    const std::uint64_t in_memory = number_at(old, from + 40, 8);
    const std::uint64_t type = number_at(old, from, 4);
    if (type == 1 && (physical >= kFourGiB || in_memory >= kFourGiB || offset >= kFourGiB || in_file >= kFourGiB))
      return bad("with a segment above 4 GiB");
    put_number(bytes, to, 4, type);
    put_number(bytes, to + 4, 4, offset);
    put_number(bytes, to + 8, 4, virtual_address);
    put_number(bytes, to + 12, 4, physical);
    put_number(bytes, to + 16, 4, in_file);
    put_number(bytes, to + 20, 4, in_memory);
    put_number(bytes, to + 24, 4, number_at(old, from + 4, 4));
    put_number(bytes, to + 28, 4, number_at(old, from + 48, 8));
  }
  return *std::move(whole);
}

}  // namespace

Result<PackedImage> pack_kernel(const BlobStore& store, const KernelPackOptions& options) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto found = recognise_kernel(options.kernel);
  if (!found) return std::move(found).error();
  const BootKind kind = boot_kind(found->kind);

  auto kernel = host_file_node(options.kernel);
  if (!kernel) return std::move(kernel).error();
  kernel->mode = 0644;
  if (kind == BootKind::kMultiboot && found->elf && found->elf->bits == 64) {
    auto narrow = narrow_elf(options.kernel);
    if (!narrow) return std::move(narrow).error();
    kernel->size = static_cast<std::int64_t>(narrow->size());
    kernel->content = *std::move(narrow);
  }
  LayerDraft layer{"kernel", {}};
  if (auto put = put_node(layer.tree, "boot/kernel", *std::move(kernel)); !put) return std::move(put).error();
  if (options.initrd) {
    if (kind == BootKind::kDisk)
      return invalid("bad_initrd", "--initrd " + options.initrd->string() + ": want none, since " +
                                       options.kernel.string() + " is a disk, which brings its own");
    auto initrd = host_file_node(*options.initrd);
    if (!initrd) return invalid("bad_initrd", "--initrd: want a file, found " + initrd.error().message);
    initrd->mode = 0644;
    if (auto put = put_node(layer.tree, "boot/initrd", *std::move(initrd)); !put) return std::move(put).error();
  }

  ImageConfig config;
  config.entrypoint = {"/boot/kernel"};
  config.cmd = options.args;
  for (const std::uint16_t port : options.ports) config.exposed_ports.push_back(std::to_string(port) + "/tcp");
  std::sort(config.exposed_ports.begin(), config.exposed_ports.end());
  const std::string name = image_name(options.name.empty() ? options.kernel.filename().string() : options.name);
  return assemble_image(store, name, {std::move(layer)}, std::move(config),
                        {{std::string(kBootAnnotation), std::string(to_string(kind))}});
}

}  // namespace unik::runtimes
