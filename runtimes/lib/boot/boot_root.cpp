#include "runtimes/lib/boot/boot_root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "runtimes/lib/boot/erofs_image.hpp"
#include "runtimes/lib/elf/elf_info.hpp"
#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

// Part of each root's name: a change of how roots are written must not meet old ones.
constexpr std::string_view kRootFormat = "1";
constexpr LayerLimits kKernelLimits{64, mebibytes(64 << 10)};

// In the layer `kernel`, whoever's kernel it is.
constexpr std::string_view kBootUp = "boot/vmlinux-up", kBootSmp = "boot/vmlinux-smp", kBootKernel = "boot/kernel",
                           kBootInitrd = "boot/initrd";

constexpr std::pair<BootKind, std::string_view> kBootKinds[] = {{BootKind::kUnik, "unik"},
                                                                {BootKind::kMultiboot, "multiboot"},
                                                                {BootKind::kPvh, "pvh"},
                                                                {BootKind::kBzImage, "bzimage"},
                                                                {BootKind::kDisk, "disk"}};

class Stopwatch {
 public:
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start_); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Makes `place` once among all processes. `make` is given a path that only it sees, and whatever it leaves there is
// renamed to `place`. The lock lies beside it, so that a second caller waits instead of doing the work again; a killed
// maker leaves its leavings to the next one. True when it was made by this call.
Result<bool> make_once(const fs::path& place, const std::function<Result<void>(const fs::path&)>& make) {
  if (::access(place.c_str(), F_OK) == 0) return false;
  if (auto made = make_directories(place.parent_path()); !made) return std::move(made).error();
  auto lock = lock_file(place.parent_path() / std::string(".lock-").append(place.filename().string(), 0, 2),
                        LockMode::kExclusive);
  if (!lock) return std::move(lock).error();
  if (::access(place.c_str(), F_OK) == 0) return false;
  const fs::path unfinished = place.parent_path() / std::string(".").append(place.filename());
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  if (auto made = make(unfinished); !made) {
    fs::remove_all(unfinished, ignored);
    return std::move(made).error();
  }
  if (::rename(unfinished.c_str(), place.c_str()) != 0) return system_error("cache_failed", "renaming to", place);
  if (auto synced = sync_directory(place.parent_path()); !synced) return std::move(synced).error();
  return true;
}

// ---- Kernels
// ---------------------------------------------------------------------------------------------------------

Result<void> unpack_kernel(const BlobStore& store, const Descriptor& layer, const fs::path& into) {
  if (auto made = make_directories(into); !made) return made;
  auto sink = spool_sink(into);
  if (!sink) return std::move(sink).error();
  FileTree tree;
  if (auto applied = apply_layer(tree, store, layer, *sink, kKernelLimits); !applied) return applied;
  for (const std::string_view name : {kBootUp, kBootSmp, kBootKernel, kBootInitrd}) {
    const auto it = tree.find(name);
    if (it == tree.end() || it->second.type != NodeType::kFile) continue;
    const fs::path place = into / name.substr(name.rfind('/') + 1);
    auto fd = open_file(place, O_WRONLY | O_CREAT | O_EXCL);
    if (!fd) return std::move(fd).error();
    auto copied = read_content(it->second, [&](std::string_view bytes) { return write_all(fd->get(), bytes, place); });
    if (!copied) return copied;
    if (auto synced = sync_file(fd->get(), place); !synced) return synced;
  }
  return sync_directory(into);
}

fs::path kernel_place(const Descriptor& layer, const fs::path& cache_dir) {
  return cache_dir / "kernels" / to_hex(layer.digest);
}

Result<void> find_kernels(const BlobStore& store, const Descriptor& layer, const fs::path& cache_dir,
                          BootFiles& files) {
  const Stopwatch watch;
  const fs::path place = kernel_place(layer, cache_dir);
  auto made = make_once(place, [&](const fs::path& into) { return unpack_kernel(store, layer, into); });
  if (!made) return std::move(made).error();
  if (*made) files.kernel_took = watch.elapsed();
  const std::pair<fs::path BootFiles::*, std::string_view> kFiles[] = {{&BootFiles::kernel_up, kBootUp},
                                                                       {&BootFiles::kernel_smp, kBootSmp},
                                                                       {&BootFiles::kernel, kBootKernel},
                                                                       {&BootFiles::initrd, kBootInitrd}};
  for (const auto& [member, name] : kFiles) {
    const fs::path path = place / name.substr(name.rfind('/') + 1);
    if (::access(path.c_str(), F_OK) == 0) files.*member = path;
  }
  const bool complete =
      files.kind == BootKind::kUnik ? !files.kernel_up.empty() || !files.kernel_smp.empty() : !files.kernel.empty();
  if (complete) return {};
  return invalid("no_kernel", "layer `kernel` " + to_string(layer.digest) + ": want " +
                                  std::string(files.kind == BootKind::kUnik ? "/boot/vmlinux-up or /boot/vmlinux-smp"
                                                                            : "/boot/kernel") +
                                  ", found neither; build the image again");
}

// ---- Roots
// -----------------------------------------------------------------------------------------------------------

bool is_kernel(const Descriptor& layer) {
  return annotation(layer.annotations, kLayerAnnotation) == kKernelLayer;
}

std::vector<Descriptor> root_layers(const Manifest& manifest) {
  std::vector<Descriptor> layers;
  for (const Descriptor& layer : manifest.layers)
    if (!is_kernel(layer)) layers.push_back(layer);
  return layers;
}

fs::path root_place(const std::vector<Descriptor>& layers, const fs::path& cache_dir) {
  Sha256 chain;
  chain.update(kRootFormat);
  for (const Descriptor& layer : layers) chain.update(to_string(layer.digest) + "\n");
  return cache_dir / "roots" / (to_hex(chain.finish()) + ".erofs");
}

Result<void> write_root(const BlobStore& store, const std::vector<Descriptor>& layers, const fs::path& into) {
  auto fd = open_file(into, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) return std::move(fd).error();
  const auto file = std::make_shared<const ContentFile>(fd->release());
  ErofsImage image(file);
  const ContentSink sink = image.sink();
  FileTree tree;
  LayerTotals totals;
  for (const Descriptor& layer : layers)
    if (auto applied = apply_layer(tree, store, layer, sink, totals); !applied) return applied;
  if (auto finished = image.finish(tree); !finished) return finished;
  return sync_file(file->fd(), into);
}

Result<BootKind> kind_of(const Manifest& manifest) {
  const auto it = manifest.annotations.find(std::string(kBootAnnotation));
  if (it == manifest.annotations.end()) return BootKind::kUnik;
  const auto kind = parse_boot_kind(it->second);
  if (kind) return *kind;
  return invalid("bad_manifest", "manifest: annotation " + std::string(kBootAnnotation) +
                                     ": want unik, multiboot, pvh, bzimage or disk, got `" + it->second + "`");
}

// What a killed maker left under `.NAME`, unless one is at work there now.
void remove_unfinished(const fs::path& path) {
  const std::string bucket = path.filename().string().substr(1, 2);
  auto lock = lock_file(path.parent_path() / (".lock-" + bucket), LockMode::kExclusive, false);
  std::error_code ignored;
  if (lock) fs::remove_all(path, ignored);
}

// Removes the entries of a directory whose names are not in `keep`.
Result<void> keep_only(const fs::path& directory, const std::set<std::string>& keep) {
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path path = entries->path();
    const std::string name = path.filename().string();
    std::error_code ignored;
    if (keep.contains(name) || name.starts_with(".lock-")) continue;
    if (name.starts_with(".gone-")) {
      fs::remove_all(path, ignored);
    } else if (name.starts_with('.')) {
      remove_unfinished(path);
    } else {
      // First out of sight, so that nobody takes a half removed directory for a whole one.
      const fs::path gone = fresh_name(directory, ".gone-");
      if (::rename(path.c_str(), gone.c_str()) == 0) fs::remove_all(gone, ignored);
    }
  }
  if (!error) return {};
  errno = error.value();
  return system_error("cache_failed", "listing", directory);
}

}  // namespace

std::string_view to_string(BootKind kind) {
  return kBootKinds[static_cast<std::size_t>(kind)].second;
}

std::optional<BootKind> parse_boot_kind(std::string_view text) {
  for (const auto& [kind, name] : kBootKinds)
    if (name == text) return kind;
  return std::nullopt;
}

Result<BootFiles> prepare_boot(const BlobStore& store, const Digest& image, const fs::path& cache_dir) {
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto manifest = store.manifest(image);
  if (!manifest) return std::move(manifest).error();
  auto config = store.config(*manifest);
  if (!config) return std::move(config).error();
  auto kind = kind_of(*manifest);
  if (!kind) return std::move(kind).error();

  BootFiles files;
  files.kind = *kind;
  files.config = *std::move(config);
  const Descriptor* kernel = find_layer(*manifest, kKernelLayer);
  if (kernel == nullptr)
    return invalid("no_kernel", "image " + to_string(image) + ": want a layer annotated " +
                                    std::string(kLayerAnnotation) +
                                    "=kernel, found none; only images built by unikctl boot");
  if (auto found = find_kernels(store, *kernel, cache_dir, files); !found) return std::move(found).error();
  if (files.kind == BootKind::kMultiboot || files.kind == BootKind::kPvh)
    files.kernel_end = kernel_load_end(files.kernel);

  const std::vector<Descriptor> layers = root_layers(*manifest);
  if (layers.empty()) return files;
  const Stopwatch watch;
  files.root = root_place(layers, cache_dir);
  auto made = make_once(files.root, [&](const fs::path& into) { return write_root(store, layers, into); });
  if (!made) return std::move(made).error();
  if (*made) files.root_took = watch.elapsed();
  return files;
}

Result<void> prune_boot(const BlobStore& store, std::span<const Digest> keep, const fs::path& cache_dir,
                        std::span<const BootFiles> in_use) {
  std::set<std::string> kernels, roots;
  for (const BootFiles& files : in_use) {
    for (const fs::path& kernel : {files.kernel_up, files.kernel_smp, files.kernel, files.initrd})
      kernels.insert(kernel.parent_path().filename().string());
    roots.insert(files.root.filename().string());
  }
  for (const Digest& image : keep) {
    const auto manifest = store.manifest(image);
    if (!manifest) continue;
    if (const Descriptor* kernel = find_layer(*manifest, kKernelLayer))
      kernels.insert(kernel_place(*kernel, cache_dir).filename().string());
    roots.insert(root_place(root_layers(*manifest), cache_dir).filename().string());
  }
  if (auto kept = keep_only(cache_dir / "kernels", kernels); !kept) return kept;
  return keep_only(cache_dir / "roots", roots);
}

}  // namespace unik::runtimes
