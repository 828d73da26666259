// `deploy BINARY` where BINARY is itself a kernel: somebody else's unikernel or a bootable disk, taken as it is. The
// image has the one layer `kernel` with /boot/kernel (and /boot/initrd), and its manifest says in `dev.unikctl.boot`
// how it is entered. In the image's config the entry point is `/boot/kernel` and `Cmd` the kernel's command line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::runtimes {

struct KernelPackOptions {
  std::filesystem::path kernel;
  std::optional<std::filesystem::path> initrd;
  std::string name;               // empty: the kernel's file name
  std::vector<std::string> args;  // the kernel's command line
  std::vector<std::uint16_t> ports;
};

// A Multiboot kernel in a 64-bit ELF is laid into a 32-bit one, byte for byte the same segments, since that is all that
// QEMU's loader takes. Errors: `not_found/no_such_file`, `invalid/not_a_kernel`, `invalid/bad_initrd`.
Result<PackedImage> pack_kernel(const BlobStore& store, const KernelPackOptions& options);

}  // namespace unik::runtimes
