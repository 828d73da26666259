// From trees to an image in the store: what all packers share. Internal to pack/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/file_tree.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/packed_image.hpp"

namespace unik::runtimes {

struct LayerDraft {
  std::string name;  // `kernel`, `base`, `runtime`, `app`
  FileTree tree;
  std::optional<LayerBlob> ready{};  // it is in the store already: `tree` is not looked at
};

// Lower-case letters, digits and inner `-` of any text: a name that the index takes.
std::string image_name(std::string_view text);

// /boot/vmlinux-up and -smp, as far as the runtime has them.
Result<FileTree> kernel_tree(const BaseRuntime& base);
Result<FileTree> base_tree(const BaseRuntime& base);

// The parts of a config that PackConfig decides; `entrypoint` is given by the packer.
ImageConfig image_config(const PackConfig& config, std::vector<std::string> entrypoint, bool has_app_directory);

// The command's program as an absolute path in the guest: a path, one relative to `working_dir`, or a name that is
// looked for on the usual PATH. Errors: `invalid/no_such_program`.
Result<std::string> find_program(const FileTree& guest, const std::string& command, const std::string& working_dir);

// Writes layers, config and manifest, and gives the image its name in the index. The caller holds the store.
Result<PackedImage> assemble_image(const BlobStore& store, const std::string& name,
                                   const std::vector<LayerDraft>& layers, ImageConfig config, Annotations annotations);

}  // namespace unik::runtimes
