#include "runtimes/lib/pack/binary_pack.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>

#include "api/guest.h"
#include "runtimes/lib/boot/guest_mounts.hpp"
#include "runtimes/lib/elf/library_closure.hpp"
#include "runtimes/lib/elf/recognise.hpp"
#include "runtimes/lib/elf/sysroot.hpp"
#include "runtimes/lib/pack/image_assembly.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAppDirectory = "/app";
constexpr const char* kSystemDirectories[] = {"/usr/", "/bin/", "/sbin/", "/opt/", "/lib/", "/lib64/"};

bool is_of_the_system(const std::string& path) {
  return std::any_of(std::begin(kSystemDirectories), std::end(kSystemDirectories),
                     [&](const char* directory) { return path.starts_with(directory); });
}

// What is being packed: the files of the base, and of the runtime where there is one, with ours laid over them.
class Guest {
 public:
  Guest(FileTree base, const fs::path& sysroot) : base_(std::move(base)), whole_(base_), sysroot_(sysroot) {}

  const FileTree& tree() const { return whole_; }
  FileTree app_layer() const { return tree_difference(base_, whole_); }
  std::vector<std::string>& warnings() { return warnings_; }
  const std::optional<GlibcVersion>& newest_glibc() const { return newest_glibc_; }

  Result<void> add_file(const fs::path& file, const std::string& guest_path) {
    auto node = host_file_node(file);
    if (!node) return std::move(node).error();
    return put_node(whole_, guest_path, *std::move(node), true);
  }

  Result<void> add_program(const fs::path& file, const std::string& guest_path) {
    auto node = host_file_node(file);
    if (!node) return std::move(node).error();
    node->mode = 0755;  // that it was named as the program says enough
    return put_node(whole_, guest_path, *std::move(node), true);
  }

  Result<void> add_link(const std::string& guest_path, const std::string& target) {
    FileNode node;
    node.type = NodeType::kSymlink;
    node.mode = 0777;
    node.link = target;
    return put_node(whole_, guest_path, std::move(node), true);
  }

  Result<void> add_directory(const fs::path& directory, const std::string& guest_path) {
    return add_host_directory(whole_, guest_path, directory);
  }

  Result<void> add_include(const Include& include) {
    std::error_code error;
    if (include.dest == UNIK_GUEST_INIT_PATH)
      return invalid("bad_include", "--include " + include.source.string() + ": want any DEST but " + include.dest +
                                        ", which is PID 1's");
    const fs::file_status status = fs::status(include.source, error);
    if (!fs::exists(status))
      return not_found("no_such_file", "--include " + include.source.string() + ": no such file or directory");
    const std::string replaced = resolve_in_tree(whole_, include.dest);
    if (!fs::is_directory(status) && !replaced.empty())
      warnings_.push_back("--include " + include.source.string() + " takes the place of /" + replaced +
                          ", which was in the image");
    const Result<void> added =
        fs::is_directory(status) ? add_directory(include.source, include.dest) : add_file(include.source, include.dest);
    if (added) return refuse_hidden(include);
    if (added.error().reason != "unsafe_path") return added;
    return invalid("bad_include", "--include " + include.source.string() + ": " + added.error().message);
  }

  // Looked at as it came to lie: a DEST may lead there by a link of the image.
  Result<void> refuse_hidden(const Include& include) const {
    const std::string hidden = first_hidden(whole_, base_);
    if (hidden.empty()) return {};
    return invalid("bad_include", "--include " + include.source.string() +
                                      ": want a DEST where the app will see it, got " +
                                      (guest_mount_of(include.dest) ? include.dest : hidden) +
                                      ": PID 1 mounts another file system over " +
                                      std::string(*guest_mount_of(hidden)) + "; name a DEST elsewhere, such as " +
                                      std::string(kAppDirectory) + "/" + fs::path(include.dest).filename().string());
  }

  // What was named to be run must not come to be another file under its name.
  Result<void> add_includes_beside(const std::string& program, const std::vector<Include>& includes) {
    const FileNode before = whole_.at(resolve_in_tree(whole_, program));
    for (const Include& include : includes) {
      if (auto added = add_include(include); !added) return added;
      const auto now = whole_.find(resolve_in_tree(whole_, program));
      if (now == whole_.end() || now->second != before)
        return invalid("bad_include", "--include " + include.source.string() + ": want another DEST than " +
                                          include.dest + ", where it would take the place of the program " + program);
    }
    return {};
  }

  // The libraries of what was added so far. Without those of `program` the app cannot start; those of anything else are
  // worth a warning, since a plugin may never be loaded.
  Result<void> add_libraries(const std::string& program) {
    std::set<std::string> ours;
    std::vector<ClosureRoot> roots;
    for (const auto& [path, node] : app_layer()) {
      const auto* file = std::get_if<HostFile>(&node.content);
      if (node.type != NodeType::kFile || file == nullptr) continue;
      ours.insert("/" + path);
      roots.push_back({file->path, "/" + path});
    }
    for (const ClosureRoot& root : roots) {
      auto closure = library_closure({root}, sysroot_, ours);
      if (!closure && root.guest_path != program && closure.error().code == ErrorCode::kInvalid) {
        warnings_.push_back(closure.error().message);
        continue;
      }
      if (!closure) return std::move(closure).error();
      if (closure->newest_glibc && (!newest_glibc_ || *newest_glibc_ < *closure->newest_glibc))
        newest_glibc_ = closure->newest_glibc;
      for (const ClosureFile& file : closure->files)
        if (!ours.contains(file.guest_path) && resolve_in_tree(base_, file.guest_path).empty())
          if (auto added = add_file(file.file, file.guest_path); !added) return added;
    }
    return {};
  }

 private:
  FileTree base_;
  FileTree whole_;
  fs::path sysroot_;
  std::vector<std::string> warnings_;
  std::optional<GlibcVersion> newest_glibc_;
};

// Where the program lies in the guest, and the link by which it is called, when the two differ.
struct ProgramPlace {
  std::string path;
  std::string called;
};

Result<ProgramPlace> place_program(const fs::path& binary, bool dynamic) {
  std::error_code error;
  const fs::path absolute = fs::absolute(binary, error);
  const fs::path parent = fs::canonical(absolute.parent_path(), error);
  const fs::path real = fs::canonical(absolute, error);
  if (error) return not_found("no_such_file", binary.string() + ": " + error.message());
  const std::string called = (parent / absolute.filename()).string();
  if (!dynamic || !is_of_the_system(real.string())) {
    const std::string path = std::string(kAppDirectory) + "/" + absolute.filename().string();
    return ProgramPlace{path, path};
  }
  // A program that is called by a link looks at its name, and at its own directory: it gets both.
  return ProgramPlace{real.string(), is_of_the_system(called) ? called : real.string()};
}

Result<PackedImage> pack_guest(const BlobStore& store, const BaseRuntime& base, FileTree base_files,
                               const std::optional<RuntimeImage>& runtime, Guest& guest, const std::string& name,
                               ImageConfig config, std::chrono::steady_clock::time_point start) {
  auto kernel = kernel_tree(base);
  if (!kernel) return std::move(kernel).error();
  Annotations annotations;
  if (guest.newest_glibc()) annotations[std::string(kGlibcAnnotation)] = to_string(*guest.newest_glibc());
  std::vector<LayerDraft> layers{{"kernel", *std::move(kernel)}, {"base", std::move(base_files)}};
  if (runtime) {
    annotations[std::string(kRuntimeAnnotation)] = runtime->name + "@" + runtime->version;
    annotations[std::string(kProvidesAnnotation)] = print_provides(runtime->provides);
    layers.push_back({"runtime", {}, runtime->layer});
  }
  layers.push_back({"app", guest.app_layer()});
  auto image = assemble_image(store, name, layers, std::move(config), std::move(annotations));
  if (!image) return image;
  image->warnings = std::move(guest.warnings());
  image->took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  return image;
}

}  // namespace

Result<Include> parse_include(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string source(text.substr(0, colon));
  const std::string given(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  const auto bad = [&](const std::string& why) {
    return invalid("bad_include", "--include " + std::string(text) + ": " + why);
  };
  if (source.empty()) return bad("want PATH[:DEST], got no PATH");
  if (colon != std::string_view::npos && !given.starts_with('/'))
    return bad("want an absolute DEST, got `" + given + "`");
  const std::string dest = !given.empty()            ? given
                           : source.starts_with('/') ? source
                                                     : std::string(kAppDirectory) + "/" + source;
  auto clean = tree_path(dest);
  if (!clean) return bad(clean.error().message + "; name a DEST");
  if (clean->empty()) return bad("want a DEST below /, got / itself");
  return Include{source, "/" + *clean};
}

Result<PackedImage> pack_binary(const BlobStore& store, const BinaryPackOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  auto found = recognise_program(options.binary);
  if (!found) return std::move(found).error();
  auto place = place_program(options.binary, found->kind == FileKind::kDynamicProgram);
  if (!place) return std::move(place).error();
  auto base = base_tree(options.base);
  if (!base) return std::move(base).error();

  Guest guest(*base, options.sysroot);
  if (auto added = guest.add_program(options.binary, place->path); !added) return std::move(added).error();
  if (place->called != place->path)
    if (auto added = guest.add_link(place->called, place->path); !added) return std::move(added).error();
  if (auto added = guest.add_includes_beside(place->called, options.includes); !added) return std::move(added).error();
  if (auto added = guest.add_libraries(place->path); !added) return std::move(added).error();

  std::vector<std::string> entrypoint{place->called};
  entrypoint.insert(entrypoint.end(), options.config.args.begin(), options.config.args.end());
  const std::string name = image_name(options.name.empty() ? options.binary.filename().string() : options.name);
  return pack_guest(store, options.base, *std::move(base), {}, guest, name,
                    image_config(options.config, std::move(entrypoint), place->path.starts_with("/app/")), start);
}

Result<PackedImage> pack_directory(const BlobStore& store, const DirectoryPackOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto hold = store.hold();
  if (!hold) return std::move(hold).error();
  if (options.config.args.empty())
    return invalid("no_run_command", options.directory.string() +
                                         ": want the command that starts the app, found none; give "
                                         "run.command in unik.yaml");
  auto base = base_tree(options.base);
  if (!base) return std::move(base).error();

  FileTree below = *base;
  if (options.runtime) {
    HostDirectoryRules rules;
    rules.links_may_leave = true;  // as the guest sees them they stay inside
    if (auto added = add_host_directory(below, "", options.runtime->root, rules); !added)
      return std::move(added).error();
  }
  Guest guest(std::move(below), options.runtime ? options.runtime->root : options.sysroot);
  if (auto added = guest.add_directory(options.directory, std::string(kAppDirectory)); !added)
    return std::move(added).error();
  for (const Include& include : options.includes)
    if (auto added = guest.add_include(include); !added) return std::move(added).error();
  const std::string working_dir =
      options.config.working_dir.empty() ? std::string(kAppDirectory) : options.config.working_dir;
  auto program = find_program(guest.tree(), options.config.args.front(), working_dir);
  if (!program) return std::move(program).error();
  if (auto added = guest.add_libraries("/" + resolve_in_tree(guest.tree(), *program)); !added)
    return std::move(added).error();

  std::vector<std::string> entrypoint{*program};
  entrypoint.insert(entrypoint.end(), options.config.args.begin() + 1, options.config.args.end());
  const std::string name = image_name(options.name.empty() ? options.directory.filename().string() : options.name);
  return pack_guest(store, options.base, *std::move(base), options.runtime, guest, name,
                    image_config(options.config, std::move(entrypoint), true), start);
}

}  // namespace unik::runtimes
