#include "runtimes/lib/pack/rootfs_pack.hpp"

#include <set>
#include <system_error>

#include "api/guest.h"
#include "runtimes/lib/boot/guest_mounts.hpp"
#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"
#include "runtimes/lib/pack/erofs_source.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

// Mounted by init in the guest; in a root that was in use they may hold a live system's.
const std::set<std::string> kMountPoints = {"dev", "proc", "sys"};

Result<FileTree> read_rootfs(const fs::path& path, FileKind kind, const fs::path& scratch) {
  if (kind == FileKind::kErofs) return read_erofs(path, scratch);
  FileTree tree;
  if (kind == FileKind::kDirectory) {
    HostDirectoryRules rules;
    rules.skip = kMountPoints;
    rules.links_may_leave = true;
    rules.keep_modes = true;
    rules.skip_special = true;
    if (auto added = add_host_directory(tree, "", path, rules); !added) return std::move(added).error();
    return tree;
  }
  auto sink = spool_sink(scratch);
  if (!sink) return std::move(sink).error();
  if (auto applied = apply_archive(tree, path, *sink); !applied) return std::move(applied).error();
  return tree;
}

// `web.rootfs.tar.gz` -> `web.rootfs`
std::string plain_name(const fs::path& path) {
  std::string name = path.filename().string();
  if (name.empty()) name = path.parent_path().filename().string();
  for (const char* ending : {".gz", ".xz", ".zst", ".bz2", ".tgz", ".tar", ".cpio", ".erofs", ".img"})
    if (name.size() > std::string_view(ending).size() && name.ends_with(ending))
      name.resize(name.size() - std::string_view(ending).size());
  return name;
}

}  // namespace

Result<PackedImage> pack_rootfs(const BlobStore& store, const RootfsPackOptions& options) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto found = recognise_rootfs(options.rootfs);
  if (!found) return std::move(found).error();
  if (options.config.args.empty())
    return invalid("no_command", "--rootfs " + options.rootfs.string() +
                                     ": want the command that starts the app, got none; " +
                                     "give it after --, as in `-- /usr/bin/app --port 8080`");
  const ScratchDirectory scratch(fresh_name(store.dir() / "tmp", "rootfs-"));
  if (auto made = make_directories(scratch.path()); !made) return std::move(made).error();
  auto root = read_rootfs(options.rootfs, found->kind, scratch.path());
  if (!root) return std::move(root).error();

  auto base = base_tree(options.base);
  if (!base) return std::move(base).error();
  FileTree whole = *base;
  bool had_init = false;
  for (auto& [path, node] : *root) {
    const std::string_view init = std::string_view(UNIK_GUEST_INIT_PATH).substr(1);
    if (path == init || path.starts_with(std::string(init) + "/")) {
      had_init = true;
      continue;
    }
    const std::string top = path.substr(0, path.find('/'));
    if (kMountPoints.contains(top)) continue;
    if (auto put = put_node(whole, path, std::move(node)); !put)
      return invalid("unsafe_layer", options.rootfs.string() + ": " + put.error().message);
  }
  const std::string working_dir = options.config.working_dir.empty() ? "/" : options.config.working_dir;
  auto program = find_program(whole, options.config.args.front(), working_dir);
  if (!program) return std::move(program).error();
  if (const auto mount = guest_mount_of("/" + resolve_in_tree(whole, *program)))
    return invalid("no_such_program", options.rootfs.string() + ": want a program that the guest has, got " + *program +
                                          ": PID 1 mounts another file system over " + std::string(*mount) +
                                          "; put it elsewhere");
  std::vector<std::string> entrypoint{*program};
  entrypoint.insert(entrypoint.end(), options.config.args.begin() + 1, options.config.args.end());

  auto kernel = kernel_tree(options.base);
  if (!kernel) return std::move(kernel).error();
  const std::string hidden = first_hidden(whole, *base);
  FileTree app = tree_difference(*base, whole);
  const std::string name = image_name(options.name.empty() ? plain_name(options.rootfs) : options.name);
  auto image =
      assemble_image(store, name, {{"kernel", *std::move(kernel)}, {"base", *std::move(base)}, {"app", std::move(app)}},
                     image_config(options.config, std::move(entrypoint), false), {});
  if (image && had_init)
    image->warnings.push_back(options.rootfs.string() +
                              ": its /init was left out, since PID 1 of a unikernel is unikctl's");
  if (image && !hidden.empty())
    image->warnings.push_back(options.rootfs.string() + ": what it holds in /run and /tmp, such as " + hidden +
                              ", the app will not see: PID 1 mounts other file systems there");
  return image;
}

}  // namespace unik::runtimes
