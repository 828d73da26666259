// From an image in the store to files that a VM can boot: the kernel, and one read-only erofs root made of all the
// other layers.
//
// Each kernel layer is unpacked once and each chain of layers is merged once, under names that are their hashes; what
// is there is reused. Results appear by rename after fsync, and the layers are verified while they are read, so any
// number of processes may prepare at once, and a kill leaves nothing that a later call would trust. Needs no privilege
// and no mount: the erofs image is written directly, with the owners and modes that the layers name.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"
#include "runtimes/lib/oci/blob_store.hpp"

namespace unik::runtimes {

// How the kernel is entered. `kUnik` is the product's own Linux, booted by PVH; the others are somebody else's images
// and have no root of ours.
enum class BootKind : std::uint8_t { kUnik, kMultiboot, kPvh, kBzImage, kDisk };

// As in the annotation `dev.unikctl.boot`; `unik` for our own.
std::string_view to_string(BootKind kind);
std::optional<BootKind> parse_boot_kind(std::string_view text);

struct BootFiles {
  BootKind kind = BootKind::kUnik;
  std::filesystem::path kernel_up;   // for one vCPU; empty when the image has none
  std::filesystem::path kernel_smp;  // for several vCPUs; empty when the image has none
  std::filesystem::path root;        // erofs, read-only; empty for somebody else's kernel without a root
  std::filesystem::path kernel;      // somebody else's kernel or disk image; empty for `kUnik`
  std::filesystem::path initrd;      // of somebody else's kernel; empty when there is none
  Bytes kernel_end;                  // how far up somebody else's Multiboot or PVH kernel is loaded; 0: not known
  ImageConfig config;                // entry point, cmd, env, working directory, user

  Duration kernel_took{};  // zero when it was there
  Duration root_took{};

  bool operator==(const BootFiles&) const = default;
};

// `cache_dir` is created where it is missing and holds only what can be made again: `kernels/HEX/`, `roots/HEX.erofs`.
// Errors: `not_found/no_such_image`, `not_found/no_such_blob`, `invalid/unsafe_layer` (a path or entry that no root may
// hold), `invalid/no_kernel`, `exhausted/layer_too_large`, `unavailable/cache_failed`, `internal/corrupt_blob`.
Result<BootFiles> prepare_boot(const BlobStore& store, const Digest& image, const std::filesystem::path& cache_dir);

// Removes what none of `keep` (manifest digests in `store`) boots from and none of `in_use` names. An image that is not
// whole, or whose manifest is damaged, keeps nothing that `in_use` does not. Running VMs keep their open files.
Result<void> prune_boot(const BlobStore& store, std::span<const Digest> keep, const std::filesystem::path& cache_dir,
                        std::span<const BootFiles> in_use = {});

}  // namespace unik::runtimes
