#include "runtimes/lib/pack/container_pack.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kOs = "linux", kArchitecture = "amd64";
constexpr std::string_view kInitLayer = "init";
// All that PID 1 needs of a root; the rest of the base is for apps that bring none.
constexpr std::string_view kInitFiles[] = {"init", "dev", "proc", "sys", "run", "tmp", "etc/resolv.conf"};
constexpr std::string_view kPasswd = "etc/passwd", kGroup = "etc/group";
constexpr std::size_t kProbeChunk = 64 << 10;
constexpr std::int64_t kMaxAccounts = 1 << 20;  // bytes of /etc/passwd or /etc/group that are looked at

// Contents by their place among all of an image, in the order in which its layers are read.
using Contents = std::map<std::int64_t, std::string>;

// The files of an image by name, each with the place of its content alone: a layer says what it likes of how large it
// is. What stands in `wanted` gets its content there. All of it is read, since an archive whose contents are passed
// over is not known to be whole.
Result<FileTree> read_root(const BlobStore& store, const std::vector<Descriptor>& layers, Contents& wanted) {
  std::vector<char> buffer(kProbeChunk);
  std::int64_t place = 0;
  const ContentSink sink = [&](std::int64_t size, const ContentReader& read) -> Result<Content> {
    const auto keep = wanted.find(place);
    for (std::int64_t done = 0; done < size;) {
      const auto next = std::min<std::int64_t>(size - done, static_cast<std::int64_t>(buffer.size()));
      auto got = read(std::span(buffer).first(static_cast<std::size_t>(next)));
      if (!got) return std::move(got).error();
      if (*got == 0) return invalid("bad_layer", "archive: a file is shorter than its header says");
      if (keep != wanted.end()) keep->second.append(buffer.data(), *got);
      done += static_cast<std::int64_t>(*got);
    }
    return Content(Extent{nullptr, place++});
  };
  FileTree root;
  LayerTotals totals;
  for (const Descriptor& layer : layers)
    if (auto applied = apply_layer(root, store, layer, sink, totals); !applied) return std::move(applied).error();
  return root;
}

// Where the content of a small file is; links are followed as the guest would.
std::optional<std::int64_t> content_place(const FileTree& root, std::string_view path) {
  const auto it = root.find(resolve_in_tree(root, path));
  if (it == root.end() || it->second.type != NodeType::kFile || it->second.size > kMaxAccounts) return std::nullopt;
  return std::get<Extent>(it->second.content).offset;
}

struct Accounts {
  std::string passwd, group;
};

// Read on their own, once it is known which files they are.
Result<Accounts> read_accounts(const BlobStore& store, const std::vector<Descriptor>& layers, const FileTree& root) {
  const auto passwd = content_place(root, kPasswd), group = content_place(root, kGroup);
  Contents wanted;
  for (const auto& place : {passwd, group})
    if (place) wanted[*place];
  if (wanted.empty()) return Accounts{};
  if (auto read = read_root(store, layers, wanted); !read) return std::move(read).error();
  return Accounts{passwd ? wanted[*passwd] : "", group ? wanted[*group] : ""};
}

std::optional<std::uint32_t> account_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view field(std::string_view line, int index) {
  for (; index > 0 && !line.empty(); --index) {
    const std::size_t colon = line.find(':');
    line = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

// The line of an account file whose field `index` is `wanted`.
std::string_view account(std::string_view file, int index, std::string_view wanted) {
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    if (field(line, index) == wanted) return line;
    file.remove_prefix(std::min(line.size() + 1, file.size()));
  }
  return {};
}

// `UID:GID` in numbers of what a container's config calls its user: `USER`, `UID`, `USER:GROUP` …
Result<std::string> numeric_user(const Accounts& accounts, std::string_view user) {
  const std::size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  const auto unknown = [&](std::string_view kind, std::string_view what, std::string_view file) {
    return invalid("bad_user", "user `" + std::string(user) + "`: want a " + std::string(kind) + " of the image's /" +
                                   std::string(file) + " or a number, found no `" + std::string(what) + "` there");
  };
  const bool numeric = account_number(name).has_value();
  const std::string_view line = account(accounts.passwd, numeric ? 2 : 0, name);
  const auto uid = numeric ? account_number(name) : account_number(field(line, 2));
  if (!uid) return unknown("user", name, kPasswd);
  std::optional<std::uint32_t> gid = account_number(field(line, 3));
  if (colon != std::string_view::npos) {
    const std::string_view group = user.substr(colon + 1);
    gid = account_number(group) ? account_number(group) : account_number(field(account(accounts.group, 0, group), 2));
    if (!gid) return unknown("group", group, kGroup);
  }
  return std::to_string(*uid) + ":" + std::to_string(gid.value_or(0));
}

Result<std::string> user_of(const BlobStore& store, const Manifest& manifest, const ImageConfig& config,
                            const FileTree& root) {
  if (config.user.empty()) return std::string("0:0");
  auto accounts = read_accounts(store, manifest.layers, root);
  if (!accounts) return std::move(accounts).error();
  return numeric_user(*accounts, config.user);
}

Result<FileTree> init_tree(const BaseRuntime& base) {
  auto whole = base_tree(base);
  if (!whole) return std::move(whole).error();
  FileTree init;
  for (const std::string_view path : kInitFiles) {
    const auto it = whole->find(path);
    if (it == whole->end()) continue;
    if (auto put = put_node(init, path, it->second); !put) return std::move(put).error();
  }
  return init;
}

}  // namespace

Result<PackedImage> pack_container(const BlobStore& store, const ContainerPackOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto manifest = store.manifest(options.image);
  if (!manifest) return std::move(manifest).error();
  auto config = store.config(*manifest);
  if (!config) return std::move(config).error();
  if (config->os != kOs || config->architecture != kArchitecture)
    return invalid("wrong_platform", "container " + to_string(options.image) + ": want an image for " +
                                         std::string(kOs) + "/" + std::string(kArchitecture) + ", found one for " +
                                         config->os + "/" + config->architecture);
  if (config->diff_ids.size() != manifest->layers.size())
    return invalid("bad_manifest", "container " + to_string(options.image) + ": want a diff id for each of its " +
                                       std::to_string(manifest->layers.size()) + " layers, found " +
                                       std::to_string(config->diff_ids.size()));
  // Read once here, so that a hostile or broken layer is refused before it is on a node.
  Contents none;
  auto root = read_root(store, manifest->layers, none);
  if (!root) return std::move(root).error();
  auto user = user_of(store, *manifest, *config, *root);
  if (!user) return std::move(user).error();

  auto kernel_files = kernel_tree(options.base);
  if (!kernel_files) return std::move(kernel_files).error();
  auto kernel = put_layer(store, *kernel_files, kKernelLayer);
  if (!kernel) return std::move(kernel).error();
  auto init_files = init_tree(options.base);
  if (!init_files) return std::move(init_files).error();
  auto init = put_layer(store, *init_files, kInitLayer);
  if (!init) return std::move(init).error();

  PackedImage image;
  image.config.entrypoint = config->entrypoint;
  image.config.cmd = config->cmd;
  image.config.env = config->env;
  image.config.working_dir = config->working_dir;
  image.config.user = *std::move(user);
  image.config.exposed_ports = config->exposed_ports;
  const auto add = [&](const Descriptor& layer, const Digest& diff_id, const std::string& name, bool reused) {
    image.config.diff_ids.push_back(diff_id);
    image.config.history.push_back("unikctl layer " + name);
    image.manifest.layers.push_back(layer);
    image.layers.push_back({name, layer, reused, {}});
  };
  add(kernel->descriptor, kernel->diff_id, std::string(kKernelLayer), kernel->reused);
  for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
    Descriptor layer = manifest->layers[i];
    layer.annotations.clear();  // whatever it was called, it is no kernel of ours
    add(layer, config->diff_ids[i], "container", true);
  }
  add(init->descriptor, init->diff_id, std::string(kInitLayer), init->reused);

  auto config_blob = store.put(print_image_config(image.config));
  if (!config_blob) return std::move(config_blob).error();
  image.manifest.config = {std::string(kConfigMediaType), config_blob->digest, config_blob->size, {}};
  image.manifest.annotations[std::string(kContainerAnnotation)] = to_string(options.image);
  image.manifest.annotations["org.opencontainers.image.created"] = std::string(kCreated);
  auto blob = store.put(print_manifest(image.manifest));
  if (!blob) return std::move(blob).error();
  image.reference = {options.name, blob->digest};
  const Descriptor descriptor{std::string(kManifestMediaType), blob->digest, blob->size, {}};
  if (auto named = store.set_image({options.name, descriptor}); !named) return std::move(named).error();
  image.took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  return image;
}

}  // namespace unik::runtimes
