#include "runtimes/lib/runtime/runtime_files.hpp"

#include <fnmatch.h>

#include <deque>
#include <set>
#include <vector>

#include "runtimes/lib/elf/library_closure.hpp"
#include "runtimes/lib/elf/sysroot.hpp"

namespace unik::runtimes {
namespace {

constexpr std::string_view kLibraryDirectory = "/usr/lib/x86_64-linux-gnu/";
constexpr std::string_view kUsualDirectory = "/usr/lib/";  // where every loader looks, whatever the stage holds
// Debian merged these into /usr: programs name either place.
constexpr std::pair<const char*, const char*> kMerged[] = {
    {"bin", "usr/bin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}, {"sbin", "usr/sbin"}};

FileNode link_to(const std::string& target) {
  FileNode node;
  node.type = NodeType::kSymlink;
  node.mode = 0777;
  node.link = target;
  return node;
}

std::vector<std::string> matches(const FileTree& tree, const std::string& pattern) {
  std::vector<std::string> found;
  if (pattern.find_first_of("*?[") == std::string::npos) {
    const std::size_t slash = pattern.rfind('/');
    // The links of its directories are followed, the last part is taken as it is.
    const std::string parent = slash == std::string::npos ? "" : resolve_in_tree(tree, pattern.substr(0, slash));
    const std::string path = slash == std::string::npos ? pattern : parent + pattern.substr(slash);
    if (tree.contains(path)) found.push_back(path);
    return found;
  }
  for (const auto& [path, node] : tree)
    if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) found.push_back(path);
  return found;
}

class Choice {
 public:
  Choice(const codec::RuntimeRecipe& recipe, const FileTree& stage) : recipe_(recipe), stage_(stage) {}

  Result<FileTree> run() {
    for (const auto& [link, target] : kMerged) files_[link] = link_to(target);
    for (const std::string& pattern : recipe_.keep)
      each_match("keep", pattern, stage_, [&](const std::string& path) { take(path, path); });
    for (const auto& [place, path] : recipe_.place)
      each_match("place", path, stage_, [&, to = place](const std::string& from) { take(from, to); });
    for (const std::string& pattern : recipe_.drop)
      each_match("drop", pattern, FileTree(files_), [&](const std::string& path) { remove_node(files_, path); });
    for (const auto& [place, pattern] : recipe_.join)
      if (auto joined = join(place, pattern); !joined) return std::move(joined).error();
    for (const auto& [place, target] : recipe_.links) put(place, link_to(target));
    follow_links();
    if (!flaws_.empty())
      return invalid("nothing_kept", std::string(kFile) + ": want entries that match something of the stage, found " +
                                         "none for " + flaws_ + "; mend or remove them");
    return std::move(files_);
  }

 private:
  static constexpr const char* kFile = "unik.yaml";

  template <typename Use>
  void each_match(const char* what, const std::string& pattern, const FileTree& tree, Use use) {
    const std::vector<std::string> found = matches(tree, pattern);
    if (found.empty()) flaws_ += (flaws_.empty() ? "" : ", ") + std::string(what) + " `" + pattern + "`";
    for (const std::string& path : found) use(path);
  }

  void put(const std::string& path, const FileNode& node) {
    if (const auto done = put_node(files_, path, node, true); !done)
      flaws_ += (flaws_.empty() ? "" : ", ") + done.error().message;
  }

  // A path of the stage with all below it, at another place.
  void take(const std::string& from, const std::string& to) {
    const auto it = stage_.find(from);
    if (it == stage_.end()) return;
    put(to, it->second);
    if (it->second.type != NodeType::kDirectory) return;
    const std::string inside = from + "/";
    for (auto below = stage_.lower_bound(inside); below != stage_.end() && below->first.starts_with(inside); ++below)
      put(to + below->first.substr(from.size()), below->second);
  }

  Result<void> join(const std::string& place, const std::string& pattern) {
    FileNode node;
    std::string text;
    Result<void> read;
    each_match("join", pattern, stage_, [&](const std::string& path) {
      const FileNode& part = stage_.find(path)->second;
      if (part.type != NodeType::kFile || !read) return;
      read = read_content(part, [&](std::string_view bytes) {
        text += bytes;
        return Result<void>();
      });
      if (!text.empty() && text.back() != '\n') text += '\n';
    });
    if (!read) return read;
    node.size = static_cast<std::int64_t>(text.size());
    node.content = std::move(text);
    put(place, node);
    return {};
  }

  // What a link points at comes too, as long as it is a file: a directory would be more than was chosen.
  void follow_links() {
    std::deque<std::string> links;
    for (const auto& [path, node] : files_)
      if (node.type == NodeType::kSymlink) links.push_back(path);
    while (!links.empty()) {
      const std::string path = std::move(links.front());
      links.pop_front();
      const std::string& target = files_.find(path)->second.link;
      const std::string next =
          normal_path(target.starts_with('/') ? target : directory_of("/" + path) + "/" + target).substr(1);
      const auto there = stage_.find(next);
      if (there == stage_.end() || files_.contains(next) || there->second.type == NodeType::kDirectory) continue;
      put(next, there->second);
      if (there->second.type == NodeType::kSymlink) links.push_back(next);
    }
  }

  const codec::RuntimeRecipe& recipe_;
  const FileTree& stage_;
  FileTree files_;
  std::string flaws_;
};

class Closing {
 public:
  Closing(FileTree files, const std::filesystem::path& stage) : stage_(stage), root_(stage) {
    closed_.files = std::move(files);
    for (const auto& [path, node] : closed_.files) {
      if (node.type != NodeType::kFile) continue;
      ours_.insert("/" + path);
      if (path.find(".so") != std::string::npos) beside_.insert(std::string(kUsualDirectory) + name_of("/" + path));
    }
    beside_.insert(ours_.begin(), ours_.end());
  }

  Result<ClosedFiles> run(const std::vector<std::string>& libraries) {
    std::vector<ClosureRoot> roots;
    for (const auto& [path, node] : closed_.files)
      if (const auto* file = std::get_if<HostFile>(&node.content); file != nullptr && node.type == NodeType::kFile)
        roots.push_back({file->path, "/" + path});
    for (const std::string& library : libraries) {
      auto root = find_library(library);
      if (!root) return std::move(root).error();
      if (auto added = add(root->file, root->guest_path); !added) return std::move(added).error();
      roots.push_back(*std::move(root));
    }
    for (const ClosureRoot& root : roots)
      if (auto done = close_over(root); !done) return std::move(done).error();
    for (const auto& [link, target] : kMerged)
      if (!closed_.files.contains(target)) closed_.files.erase(link);
    return std::move(closed_);
  }

 private:
  Result<ClosureRoot> find_library(const std::string& name) const {
    const std::string path = std::string(kLibraryDirectory) + name;
    const auto real = root_.resolve(path);
    if (!real)
      return invalid("missing_library", "unik.yaml: libraries: want " + name + " at " + path +
                                            " of the stage, found none; name the package that holds it");
    return ClosureRoot{root_.host_path(*real), path};
  }

  Result<void> add(const std::filesystem::path& file, const std::string& guest_path) {
    auto node = host_file_node(file);
    if (!node) return std::move(node).error();
    return put_node(closed_.files, guest_path, *std::move(node), true);
  }

  Result<void> close_over(const ClosureRoot& root) {
    auto closure = library_closure({root}, stage_, ours_);
    // What a program of its own directory has loaded before (libjvm.so before libjava.so) is found by its name alone.
    if (!closure && closure.error().reason == "missing_library") closure = library_closure({root}, stage_, beside_);
    if (!closure) return std::move(closure).error();
    if (closure->newest_glibc && (!closed_.newest_glibc || *closed_.newest_glibc < *closure->newest_glibc))
      closed_.newest_glibc = closure->newest_glibc;
    for (const ClosureFile& file : closure->files)
      if (resolve_in_tree(closed_.files, file.guest_path).empty())
        if (auto added = add(file.file, file.guest_path); !added) return added;
    return {};
  }

  std::filesystem::path stage_;
  Sysroot root_;
  ClosedFiles closed_;
  std::set<std::string> ours_;    // guest paths that are there
  std::set<std::string> beside_;  // the same, and libraries of any directory as if they lay in the usual one
};

}  // namespace

Result<FileTree> choose_files(const codec::RuntimeRecipe& recipe, const FileTree& stage) {
  return Choice(recipe, stage).run();
}

Result<ClosedFiles> close_files(const codec::RuntimeRecipe& recipe, FileTree files,
                                const std::filesystem::path& stage) {
  return Closing(std::move(files), stage).run(recipe.libraries);
}

std::set<std::string> taken_files(const codec::RuntimeRecipe& recipe, const FileTree& stage,
                                  const std::filesystem::path& directory, const FileTree& files) {
  std::set<std::string> taken;
  for (const auto& [path, node] : files)
    if (const auto* const file = std::get_if<HostFile>(&node.content))
      taken.insert(file->path.lexically_relative(directory).string());
  for (const auto& [place, pattern] : recipe.join)
    for (std::string& path : matches(stage, pattern)) taken.insert(std::move(path));
  return taken;
}

}  // namespace unik::runtimes
