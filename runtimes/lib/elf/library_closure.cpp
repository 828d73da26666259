#include "runtimes/lib/elf/library_closure.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "runtimes/lib/boot/guest_mounts.hpp"
#include "runtimes/lib/elf/sysroot.hpp"

namespace unik::runtimes {
namespace {

// Where glibc's loader looks without being told, Debian's places first.
constexpr const char* kBuiltIn[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
// What glibc opens by itself, beyond what any program names: names of users and hosts, and the unwinder for threads
// that are cancelled.
constexpr const char* kOpenedByGlibc[] = {"libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2"};
constexpr std::string_view kLibc = "libc.so.6";

// A directory to look into, and the directory of the guest in which the loader will look then.
struct SearchPlace {
  std::string inside;
  std::string guest;
};

// A program or library that is being closed over.
struct Object {
  ElfInfo elf;
  std::string inside;  // its path in the sysroot
  std::string guest_path;
  std::vector<SearchPlace> inherited;  // RPATHs of those that asked for it
};

struct Found {
  std::string inside;
  std::string real;  // links resolved
  std::string guest_path;
  ElfInfo elf;
};

std::string join_lines(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

// $ORIGIN, $LIB and $PLATFORM, with or without braces.
std::string expand(std::string text, const std::string& origin) {
  const std::pair<const char*, std::string> kTokens[] = {{"${ORIGIN}", origin},
                                                         {"$ORIGIN", origin},
                                                         {"${LIB}", "lib/x86_64-linux-gnu"},
                                                         {"$LIB", "lib/x86_64-linux-gnu"},
                                                         {"${PLATFORM}", "x86_64"},
                                                         {"$PLATFORM", "x86_64"}};
  for (const auto& [token, value] : kTokens)
    for (std::size_t at = text.find(token); at != std::string::npos; at = text.find(token, at + value.size()))
      text.replace(at, std::string_view(token).size(), value);
  return normal_path(text);
}

class Closure {
 public:
  Closure(const std::filesystem::path& sysroot, const std::set<std::string>& provided)
      : sysroot_(sysroot), top_(real_path(sysroot)), provided_(provided) {}

  Result<LibraryClosure> run(const std::vector<ClosureRoot>& roots) {
    for (const ClosureRoot& root : roots) {
      auto elf = read_elf(root.file);
      if (!elf) {
        if (elf.error().reason == "not_elf") continue;
        return std::move(elf).error();
      }
      if (elf->needed.empty() && elf->interpreter.empty()) continue;
      note_version(*elf);
      Object object;
      object.inside = inside_of(root.file);
      object.guest_path = root.guest_path;
      object.elf = *std::move(elf);
      if (auto closed = close_over(std::move(object)); !closed) return std::move(closed).error();
    }
    LibraryClosure closure;
    closure.newest_glibc = newest_glibc_;
    for (auto& [path, file] : files_) closure.files.push_back(std::move(file));
    return closure;
  }

 private:
  static std::filesystem::path real_path(const std::filesystem::path& path) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    return error ? path : real;
  }

  // A root of this host, seen from the sysroot that it may lie in.
  std::string inside_of(const std::filesystem::path& file) const {
    const std::filesystem::path real = real_path(file);
    const std::filesystem::path relative = real.lexically_relative(top_);
    return relative.empty() || *relative.begin() == ".." ? real.string() : "/" + relative.string();
  }

  void note_version(const ElfInfo& elf) {
    if (elf.newest_glibc && (!newest_glibc_ || *newest_glibc_ < *elf.newest_glibc)) newest_glibc_ = elf.newest_glibc;
  }

  // One program and everything that its loader would load. Within it a name is loaded once, by whoever asks first.
  Result<void> close_over(Object root) {
    loaded_.clear();
    if (auto interpreter = take_interpreter(root); !interpreter) return interpreter;
    std::deque<Object> queue;
    queue.push_back(std::move(root));
    bool glibc_done = false;
    while (!queue.empty()) {
      const Object object = std::move(queue.front());
      queue.pop_front();
      const std::vector<SearchPlace> own = own_places(object);
      std::vector<std::string> names = object.elf.needed;
      const std::size_t needed = names.size();
      if (name_of(object.guest_path) == kLibc && !std::exchange(glibc_done, true))
        names.insert(names.end(), std::begin(kOpenedByGlibc), std::end(kOpenedByGlibc));
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (!loaded_.insert(names[i]).second || is_musl_libc(names[i]) || is_provided(names[i], own)) continue;
        auto found = find(names[i], own);
        if (!found && i >= needed) continue;  // nice to have
        if (!found) return missing(names[i], object, own);
        if (auto taken = take(*found, object.guest_path); !taken) return taken;
        Object next;
        next.inside = found->inside;
        next.guest_path = found->guest_path;
        next.inherited = object.elf.runpath.empty() ? own : object.inherited;
        next.elf = std::move(found->elf);
        queue.push_back(std::move(next));
      }
    }
    return {};
  }

  Result<void> take_interpreter(const Object& root) {
    const std::string& path = root.elf.interpreter;
    musl_ = name_of(path).starts_with("ld-musl");
    if (path.empty()) {
      prepare_places();
      return {};
    }
    const auto real = path.starts_with('/') ? sysroot_.resolve(path) : std::nullopt;
    auto elf = real ? read_elf(sysroot_.host_path(*real)) : Result<ElfInfo>(Error{});
    if (!elf)
      return invalid("missing_interpreter", root.inside + ": want its program interpreter " + path +
                                                ", found no such program; install it, or link the program statically");
    if (guest_mount_of(normal_path(path)))
      return invalid("missing_interpreter", root.inside +
                                                ": want its program interpreter where the guest has it, got " +
                                                hidden(path) + "; link the program with another, or statically");
    prepare_places();
    loaded_.insert(name_of(path));
    return take({path, *real, normal_path(path), *std::move(elf)}, root.guest_path);
  }

  // What the loader knows without the program: fixed places of the guest keep their path, the rest of ld.so.conf is
  // moved to where libc lies, since the guest has no ld.so.cache.
  void prepare_places() {
    common_.clear();
    std::vector<std::string> configured = musl_ ? sysroot_.musl_directories() : sysroot_.configured_directories();
    const std::size_t configured_count = configured.size();
    if (!musl_) configured.insert(configured.end(), std::begin(kBuiltIn), std::end(kBuiltIn));
    std::string home = "/usr/lib";
    if (!musl_)
      for (const std::string& directory : configured)
        if (const auto real = sysroot_.resolve(directory); real && sysroot_.resolve(*real + "/" + std::string(kLibc))) {
          home = *real;
          break;
        }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < configured.size(); ++i) {
      const auto real = sysroot_.resolve(configured[i]);
      if (!real || !seen.insert(*real).second) continue;
      const bool stays = i >= configured_count || *real == home || *real == "/usr/lib" || *real == "/lib";
      common_.push_back({*real, stays ? *real : home});
    }
  }

  bool is_musl_libc(const std::string& name) const {
    return musl_ && (name == "libc.so" || name.starts_with("libc.musl-"));
  }

  bool is_provided(const std::string& name, const std::vector<SearchPlace>& own) const {
    if (provided_.empty()) return false;
    for (const auto* places : {&own, &common_})
      for (const SearchPlace& place : *places)
        if (provided_.contains(normal_path(place.guest + "/" + name))) return true;
    return false;
  }

  // RPATH, which RUNPATH switches off, and RUNPATH, each from where the object lies.
  std::vector<SearchPlace> own_places(const Object& object) const {
    std::vector<SearchPlace> places;
    for (const std::string& entry : object.elf.runpath.empty() ? object.elf.rpath : object.elf.runpath)
      places.push_back({expand(entry, directory_of(object.inside)), expand(entry, directory_of(object.guest_path))});
    if (object.elf.runpath.empty()) places.insert(places.end(), object.inherited.begin(), object.inherited.end());
    return places;
  }

  std::optional<Found> look_at(const std::string& inside, const std::string& guest_path) const {
    const auto real = sysroot_.resolve(inside);
    if (!real) return std::nullopt;
    auto elf = read_elf(sysroot_.host_path(*real));
    // A loader passes over what is of another class or machine.
    if (!elf || elf->bits != 64 || elf->machine != kMachineX86_64 || elf->type != ElfType::kShared) return std::nullopt;
    return Found{inside, *real, guest_path, *std::move(elf)};
  }

  // As the guest's loader will: it finds nothing where PID 1 mounts another file system. With `beneath_mounts` what
  // lies there on this host is found nonetheless.
  std::optional<Found> find(const std::string& name, const std::vector<SearchPlace>& own,
                            bool beneath_mounts = false) const {
    const auto look = [&](const std::string& inside, const std::string& guest_path) {
      const bool seen = beneath_mounts || !guest_mount_of(guest_path);
      return seen ? look_at(inside, guest_path) : std::nullopt;
    };
    if (name.find('/') != std::string::npos)
      return name.starts_with('/') ? look(name, normal_path(name)) : std::nullopt;
    for (const auto* places : {&own, &common_})
      for (const SearchPlace& place : *places)
        if (auto found = look(place.inside + "/" + name, place.guest + "/" + name)) return found;
    return std::nullopt;
  }

  // `/tmp/lib/libx.so, where PID 1 mounts another file system over /tmp`
  static std::string hidden(const std::string& guest_path) {
    const std::string path = normal_path(guest_path);
    return path + ", where PID 1 mounts another file system over " + std::string(*guest_mount_of(path));
  }

  Error missing(const std::string& name, const Object& object, const std::vector<SearchPlace>& own) const {
    if (const auto there = find(name, own, true))
      return invalid("missing_library", object.inside + ": want its library " + name +
                                            " where the guest has it, found it as " + hidden(there->guest_path) +
                                            (name.find('/') == std::string::npos
                                                 ? "; bring it with --include " + there->inside + ":/usr/lib/" + name
                                                 : "; link it by its name alone"));
    std::vector<std::string> looked;
    for (const auto& places : {own, common_})
      for (const SearchPlace& place : places) looked.push_back(place.inside);
    return invalid("missing_library",
                   object.inside + ": want its library " + name + ", found it in none of " + join_lines(looked) +
                       "; install the package that holds it, or bring it with " + "--include PATH:/usr/lib/" + name);
  }

  Result<void> take(const Found& found, const std::string& needed_by) {
    note_version(found.elf);
    if (files_.size() >= kMaxClosureFiles)
      return exhausted("closure_too_large", "libraries of " + needed_by + ": want at most 4096 files, found more");
    files_.emplace(found.guest_path, ClosureFile{sysroot_.host_path(found.real), found.guest_path, needed_by});
    return {};
  }

  Sysroot sysroot_;
  std::filesystem::path top_;
  const std::set<std::string>& provided_;
  bool musl_ = false;
  std::vector<SearchPlace> common_;
  std::set<std::string> loaded_;
  std::map<std::string, ClosureFile> files_;
  std::optional<GlibcVersion> newest_glibc_;
};

}  // namespace

Result<LibraryClosure> library_closure(const std::vector<ClosureRoot>& roots, const std::filesystem::path& sysroot,
                                       const std::set<std::string>& provided) {
  return Closure(sysroot, provided).run(roots);
}

}  // namespace unik::runtimes
