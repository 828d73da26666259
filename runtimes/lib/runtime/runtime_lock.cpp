#include "runtimes/lib/runtime/runtime_lock.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/runtime/apt_archive.hpp"
#include "runtimes/lib/runtime/npm_registry.hpp"
#include "runtimes/lib/runtime/package_cache.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using codec::LockedDebian;
using codec::LockedNpm;
using codec::NpmRequest;

std::vector<NpmRequest> all_npm(const codec::RuntimeRecipe& recipe) {
  std::vector<NpmRequest> requests = recipe.npm;
  for (const NpmRequest& request : recipe.check.packages)
    if (std::find(requests.begin(), requests.end(), request) == requests.end()) requests.push_back(request);
  std::sort(requests.begin(), requests.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return requests;
}

// `22` holds 22.4.0 and not 220.0.0.
bool is_in_line(const std::string& version, const std::string& line) {
  return version == line || version.starts_with(line + ".");
}

template <typename Entry>
const Entry* find_named(const std::vector<Entry>& entries, const std::string& name) {
  const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return it == entries.end() ? nullptr : &*it;
}

Result<LockedNpm> pin_npm(const PackagePlaces& places, const NpmRegistry& npm, const NpmRequest& request) {
  const fs::path directory = fresh_name(places.scratch, "lock-");
  if (auto made = make_directories(directory); !made) return std::move(made).error();
  auto version = npm.newest(request, directory);
  if (!version) return std::move(version).error();
  auto file = npm.download(request.name, *version, directory);
  if (!file) return std::move(file).error();
  auto sum = sum_file(*file, SumKind::kSha512);
  if (!sum) return std::move(sum).error();
  if (auto kept = PackageCache(places.cache).put(*file, *sum); !kept) return std::move(kept).error();
  std::error_code ignored;
  fs::remove_all(directory, ignored);
  return LockedNpm{request.name, *version, static_cast<std::uint64_t>(sum->size), integrity_of(*sum)};
}

}  // namespace

std::vector<std::string> lock_faults(const codec::RuntimeRecipe& recipe, const codec::RuntimeLock& lock) {
  std::vector<std::string> faults;
  for (const std::string& name : recipe.debian)
    if (find_named(lock.debian, name) == nullptr)
      faults.push_back("want a pin of Debian's " + name + ", which unik.yaml names, found none");
  const std::vector<NpmRequest> npm = all_npm(recipe);
  for (const NpmRequest& request : npm) {
    const LockedNpm* const pin = find_named(lock.npm, request.name);
    if (pin == nullptr)
      faults.push_back("want a pin of npm's " + request.name + ", which unik.yaml names, found none");
    else if (!is_in_line(pin->version, request.line))
      faults.push_back("want npm's " + request.name + " of the line " + request.line + ", found " + pin->version);
  }
  for (const LockedDebian& pin : lock.debian)
    if (std::find(recipe.debian.begin(), recipe.debian.end(), pin.name) == recipe.debian.end())
      faults.push_back("Debian's " + pin.name + " is pinned, but unik.yaml does not name it");
  for (const LockedNpm& pin : lock.npm)
    if (find_named(npm, pin.name) == nullptr)
      faults.push_back("npm's " + pin.name + " is pinned, but unik.yaml does not name it");
  return faults;
}

Result<codec::RuntimeLock> make_lock(const PackagePlaces& places, const codec::RuntimeRecipe& recipe,
                                     const SayStep& say) {
  if (auto made = make_directories(places.scratch); !made) return std::move(made).error();
  codec::RuntimeLock lock;
  std::vector<std::string> names = recipe.debian;
  std::sort(names.begin(), names.end());
  if (!names.empty()) {
    if (say) say("lock: asking the archives for " + std::to_string(names.size()) + " packages");
    AptArchive apt(places.cache / "apt", places.environment);
    if (auto refreshed = apt.refresh(); !refreshed) return std::move(refreshed).error();
    auto known = apt.known(names);
    if (!known) return std::move(known).error();
    std::string unknown;
    for (const std::string& name : names) {
      if (const LockedDebian* const record = find_named(*known, name))
        lock.debian.push_back(*record);
      else
        unknown += (unknown.empty() ? "" : ", ") + name;
    }
    if (!unknown.empty())
      return not_found("no_such_package", "want Debian packages, found no archive of this machine that has " + unknown +
                                              "; check their names in unik.yaml");
  }
  const NpmRegistry npm(places.environment);
  for (const NpmRequest& request : all_npm(recipe)) {
    if (say) say("lock: asking npm for " + request.name + "@" + request.line);
    auto pin = pin_npm(places, npm, request);
    if (!pin) return std::move(pin).error();
    lock.npm.push_back(*std::move(pin));
  }
  return lock;
}

std::vector<std::string> lock_difference(const codec::RuntimeLock& before, const codec::RuntimeLock& after) {
  struct Versions {
    std::string old, fresh;
    bool same = true;
  };
  std::map<std::string, Versions> all;
  const auto look = [&](const auto& old, const auto& fresh) {
    for (const auto& entry : old) all[entry.name].old = entry.version;
    for (const auto& entry : fresh) {
      const auto* const there = find_named(old, entry.name);
      all[entry.name].fresh = entry.version;
      all[entry.name].same = there != nullptr && *there == entry;
    }
  };
  look(before.debian, after.debian);
  look(before.npm, after.npm);
  std::vector<std::string> lines;
  for (const auto& [name, versions] : all) {
    if (versions.old.empty())
      lines.push_back("+ " + name + " " + versions.fresh);
    else if (versions.fresh.empty())
      lines.push_back("- " + name + " " + versions.old);
    else if (!versions.same)
      lines.push_back("~ " + name + " " + versions.old + " -> " + versions.fresh);
  }
  return lines;
}

Result<codec::LockedImage> locked_image(const Manifest& image, const codec::RuntimeLock& lock) {
  const Descriptor* const base = find_layer(image, "base");
  if (base == nullptr)
    return invalid("incomplete_lock",
                   "want the digest of the base that the image stands on, found no layer `base` in it");
  if (!image.annotations.contains(std::string(kPackagesAnnotation)))
    return invalid("incomplete_lock", "want an image that says its packages (" + std::string(kPackagesAnnotation) +
                                          "), found one that an older unikctl has built; build it anew");
  codec::LockedImage locked{to_string(base->digest), packages_of(image)};
  std::set<std::string> pinned;
  for (const LockedDebian& pin : lock.debian) pinned.insert(pin.name + "@" + pin.version);
  for (const LockedNpm& pin : lock.npm) pinned.insert(pin.name + "@" + pin.version);
  for (const std::string& package : locked.packages)
    if (!pinned.contains(package))
      return conflict("other_packages", "want an image of what versions.lock pins, found " + package + " in it");
  return locked;
}

}  // namespace unik::runtimes
