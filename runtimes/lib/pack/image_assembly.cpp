#include "runtimes/lib/pack/image_assembly.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>

namespace unik::runtimes {
namespace {

constexpr const char* kPathDirectories[] = {"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"};

Duration since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
}

bool is_program(const FileTree& guest, const std::string& path) {
  const auto it = guest.find(resolve_in_tree(guest, path));
  return it != guest.end() && it->second.type == NodeType::kFile && (it->second.mode & 0111) != 0;
}

}  // namespace

std::string image_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && std::isalnum(byte))
      name += static_cast<char>(std::tolower(byte));
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  name.resize(std::min(name.size(), kMaxImageName));
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "app" : name;
}

Result<FileTree> kernel_tree(const BaseRuntime& base) {
  FileTree tree;
  for (const auto& [kernel, place] :
       {std::pair(base.kernel_up, "boot/vmlinux-up"), std::pair(base.kernel_smp, "boot/vmlinux-smp")}) {
    if (!kernel) continue;
    auto node = host_file_node(*kernel);
    if (!node) return std::move(node).error();
    node->mode = 0644;
    if (auto put = put_node(tree, place, *std::move(node)); !put) return std::move(put).error();
  }
  return tree;
}

Result<FileTree> base_tree(const BaseRuntime& base) {
  FileTree tree;
  HostDirectoryRules rules;
  rules.links_may_leave = true;  // /etc/resolv.conf points into the guest's /run
  rules.keep_modes = true;       // /tmp is for everyone
  if (auto added = add_host_directory(tree, "", base.root, rules); !added) return std::move(added).error();
  return tree;
}

ImageConfig image_config(const PackConfig& config, std::vector<std::string> entrypoint, bool has_app_directory) {
  ImageConfig image;
  image.entrypoint = std::move(entrypoint);
  for (const auto& [name, value] : config.env) image.env.push_back(name + "=" + value);
  image.working_dir = !config.working_dir.empty() ? config.working_dir : has_app_directory ? "/app" : "/";
  image.user = config.user;
  for (const std::uint16_t port : config.ports) image.exposed_ports.push_back(std::to_string(port) + "/tcp");
  std::sort(image.exposed_ports.begin(), image.exposed_ports.end());
  return image;
}

Result<std::string> find_program(const FileTree& guest, const std::string& command, const std::string& working_dir) {
  std::vector<std::string> candidates;
  if (command.find('/') != std::string::npos) {
    candidates.push_back(command.starts_with('/') ? command : working_dir + "/" + command);
  } else {
    candidates.push_back(working_dir + "/" + command);
    for (const char* directory : kPathDirectories) candidates.push_back(std::string(directory) + "/" + command);
  }
  std::string tried;
  for (const std::string& candidate : candidates) {
    const auto clean = tree_path(candidate);
    if (clean && is_program(guest, *clean)) return "/" + *clean;
    tried += (tried.empty() ? "" : ", ") + (clean ? "/" + *clean : candidate);
  }
  return invalid("no_such_program", "command `" + command + "`: want an executable file of the image, found none at " +
                                        tried + "; name one that is there, or bring it with --include");
}

Result<PackedImage> assemble_image(const BlobStore& store, const std::string& name,
                                   const std::vector<LayerDraft>& layers, ImageConfig config, Annotations annotations) {
  const auto start = std::chrono::steady_clock::now();
  PackedImage image;
  for (const LayerDraft& draft : layers) {
    const auto layer_start = std::chrono::steady_clock::now();
    auto layer = draft.ready ? Result<LayerBlob>(*draft.ready) : put_layer(store, draft.tree, draft.name);
    if (!layer) return std::move(layer).error();
    config.diff_ids.push_back(layer->diff_id);
    config.history.push_back("unikctl layer " + draft.name);
    image.manifest.layers.push_back(layer->descriptor);
    image.layers.push_back({draft.name, layer->descriptor, layer->reused, since(layer_start)});
    if (draft.name == "base") annotations[std::string(kBaseAnnotation)] = to_string(layer->descriptor.digest);
  }
  auto config_blob = store.put(print_image_config(config));
  if (!config_blob) return std::move(config_blob).error();
  image.manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
  annotations["org.opencontainers.image.created"] = std::string(kCreated);
  image.manifest.annotations = std::move(annotations);
  auto manifest_blob = store.put(print_manifest(image.manifest));
  if (!manifest_blob) return std::move(manifest_blob).error();
  image.reference = {name, manifest_blob->digest};
  image.config = std::move(config);
  const Descriptor descriptor{std::string(kManifestMediaType), manifest_blob->digest, manifest_blob->size, {}};
  if (auto named = store.set_image({name, descriptor}); !named) return std::move(named).error();
  image.took = since(start);
  return image;
}

}  // namespace unik::runtimes
