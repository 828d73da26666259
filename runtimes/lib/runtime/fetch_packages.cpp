#include "runtimes/lib/runtime/fetch_packages.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/pack/signal_relay.hpp"
#include "runtimes/lib/runtime/apt_archive.hpp"
#include "runtimes/lib/runtime/mirror.hpp"
#include "runtimes/lib/runtime/npm_registry.hpp"
#include "runtimes/lib/runtime/package_cache.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;
using codec::LockedDebian;
using codec::LockedNpm;

std::string title(const LockedDebian& package) {
  return package.name + "=" + package.version;
}
std::string title(const LockedNpm& package) {
  return package.name + "@" + package.version;
}
std::string path_in_archive(const LockedDebian& package) {
  return package.path;
}
std::string path_in_archive(const LockedNpm& package) {
  return npm_path(package.name, package.version);
}

template <typename Package>
std::string titles(const std::vector<Package>& packages) {
  std::string text;
  for (const Package& package : packages) text += (text.empty() ? "" : ", ") + title(package);
  return text;
}

class Fetch {
 public:
  Fetch(const PackagePlaces& places, BuildMode mode, const SayStep& say)
      : places_(places),
        mode_(mode),
        say_(say),
        cache_(places.cache),
        apt_(places.cache / "apt", places.environment),
        npm_(places.environment) {}

  Result<FetchedPackages> run(const codec::RuntimeLock& lock) {
    FetchedPackages fetched;
    auto debian = fetch_debian(lock.debian, fetched.substituted);
    if (!debian) return std::move(debian).error();
    for (const LockedDebian& package : *debian) {
      const auto file = cache_.find(sum_of(package));
      if (!file) return internal("lost_package", title(package) + ": it left the cache while it was needed; try again");
      fetched.debian.push_back({package, *file});
    }
    for (const LockedNpm& package : lock.npm) {
      auto file = fetch_npm(package);
      if (!file) return std::move(file).error();
      fetched.npm.push_back({package, *std::move(file)});
    }
    return fetched;
  }

 private:
  void say(const std::string& text) const {
    if (say_) say_(text);
  }

  template <typename Package>
  std::vector<Package> absent(const std::vector<Package>& packages) const {
    std::vector<Package> missing;
    for (const Package& package : packages)
      if (!cache_.find(sum_of(package))) missing.push_back(package);
    return missing;
  }

  // An empty directory for one round of downloads.
  Result<fs::path> fresh_directory() const {
    const fs::path directory = fresh_name(places_.scratch, "fetch-");
    if (auto made = make_directories(directory); !made) return std::move(made).error();
    return directory;
  }

  // What must be there in the end, substitutes included, all of it in the cache.
  Result<std::vector<LockedDebian>> fetch_debian(const std::vector<LockedDebian>& pins,
                                                 std::vector<std::string>& substituted) {
    std::vector<LockedDebian> missing = absent(pins);
    if (missing.empty()) return pins;
    say("fetch: " + std::to_string(missing.size()) + " packages of Debian");
    auto rest = from_archive(missing);
    if (!rest) return std::move(rest).error();
    for (auto pin = rest->begin(); pin != rest->end();) {
      if (auto free = SignalRelay::check_none(); !free) return std::move(free).error();
      auto found = from_mirrors(*pin);
      if (!found) return std::move(found).error();
      pin = *found ? rest->erase(pin) : std::next(pin);
    }
    if (rest->empty()) return pins;
    if (mode_ == BuildMode::kRelease) return vanished(*rest);
    return substitute(pins, *rest, substituted);
  }

  // What is still missing afterwards. An archive that this machine cannot reach leaves everything to the mirrors.
  Result<std::vector<LockedDebian>> from_archive(std::vector<LockedDebian> missing) {
    for (const bool fresh : {false, true}) {
      if (fresh) {
        say("fetch: asking the archives for their lists");
        if (auto refreshed = apt_.refresh(); !refreshed) {
          reasons_ += "; " + refreshed.error().message;
          return missing;
        }
      }
      std::vector<std::string> names;
      for (const LockedDebian& pin : missing) names.push_back(pin.name);
      auto known = apt_.known(names);
      if (!known) {
        reasons_ += "; " + known.error().message;
        return missing;
      }
      std::vector<LockedDebian> offered;
      for (const LockedDebian& pin : missing)
        if (std::any_of(known->begin(), known->end(), [&](const LockedDebian& record) {
              return record.name == pin.name && record.version == pin.version && record.sha256 == pin.sha256;
            }))
          offered.push_back(pin);
      if (auto kept = download(offered); !kept) return std::move(kept).error();
      missing = absent(missing);
      if (missing.empty()) break;
    }
    return missing;
  }

  // Files are known by their sums, whatever apt has called them.
  Result<void> download(const std::vector<LockedDebian>& packages) {
    if (packages.empty()) return {};
    auto directory = fresh_directory();
    if (!directory) return std::move(directory).error();
    if (auto ran = apt_.download(packages, *directory); !ran) return ran;
    std::error_code error;
    for (fs::directory_iterator entry(*directory, error), end; !error && entry != end; entry.increment(error)) {
      const auto sum = sum_file(entry->path(), SumKind::kSha256);
      if (!sum) return sum.error();
      for (const LockedDebian& package : packages)
        if (sum_of(package) == *sum)
          if (auto kept = cache_.put(entry->path(), *sum); !kept) return std::move(kept).error();
    }
    fs::remove_all(*directory, error);
    return {};
  }

  // True when a mirror had it. Other bytes under its name are an error: somebody's archive is broken, or worse.
  template <typename Package>
  Result<bool> from_mirrors(const Package& package) {
    for (const std::string& mirror : places_.mirrors) {
      auto directory = fresh_directory();
      if (!directory) return std::move(directory).error();
      const PackageSum sum = sum_of(package);
      const fs::path file = *directory / "package";
      const auto got = fetch_from_mirror(mirror, path_in_archive(package), sum.size, file);
      if (!got && got.error().code == ErrorCode::kInvalid) return got.error();
      if (!got) {
        reasons_ += "; " + got.error().message;
        continue;
      }
      if (auto kept = cache_.put(file, sum); !kept) return std::move(kept).error();
      say("fetch: " + title(package) + " from the mirror " + mirror);
      std::error_code ignored;
      fs::remove_all(*directory, ignored);
      return true;
    }
    return false;
  }

  template <typename Package>
  Error vanished(const std::vector<Package>& packages) const {
    return not_found("pin_vanished",
                     "want " + titles(packages) + " as versions.lock pins it, found it neither in the cache " +
                         cache_.directory().string() + " nor in this machine's archives nor in " +
                         (places_.mirrors.empty() ? "a mirror (none is configured in runtimes.mirrors)"
                                                  : "any of " + std::to_string(places_.mirrors.size()) + " mirrors") +
                         "; refresh the lock with `unikctl runtime lock NAME --update`, or name a mirror that keeps "
                         "old versions" +
                         reasons_);
  }

  Result<std::vector<LockedDebian>> substitute(std::vector<LockedDebian> pins, const std::vector<LockedDebian>& gone,
                                               std::vector<std::string>& substituted) {
    std::vector<std::string> names;
    for (const LockedDebian& pin : gone) names.push_back(pin.name);
    auto known = apt_.known(names);
    if (!known) return vanished(gone);
    std::vector<LockedDebian> wanted;
    for (LockedDebian& pin : pins) {
      if (std::find(gone.begin(), gone.end(), pin) == gone.end()) continue;
      const auto newest = std::find_if(known->begin(), known->end(),
                                       [&](const LockedDebian& record) { return record.name == pin.name; });
      if (newest == known->end()) return vanished(gone);
      substituted.push_back(title(pin) + " has vanished from the archives: took " + newest->version);
      pin = *newest;
      wanted.push_back(pin);
    }
    if (auto kept = download(absent(wanted)); !kept) return std::move(kept).error();
    if (const auto missing = absent(wanted); !missing.empty()) return vanished(missing);
    return pins;
  }

  Result<fs::path> fetch_npm(const LockedNpm& package) {
    const PackageSum sum = sum_of(package);
    if (auto file = cache_.find(sum)) return *file;
    say("fetch: " + title(package) + " of npm");
    auto directory = fresh_directory();
    if (!directory) return std::move(directory).error();
    const auto file = npm_.download(package.name, package.version, *directory);
    if (file) {
      auto kept = cache_.put(*file, sum);
      std::error_code ignored;
      fs::remove_all(*directory, ignored);
      return kept;
    }
    reasons_ += "; " + file.error().message;
    auto found = from_mirrors(package);
    if (!found) return std::move(found).error();
    if (!*found) return vanished(std::vector<LockedNpm>{package});
    const auto kept = cache_.find(sum);
    if (!kept) return vanished(std::vector<LockedNpm>{package});
    return *kept;
  }

  const PackagePlaces& places_;
  BuildMode mode_;
  const SayStep& say_;
  PackageCache cache_;
  AptArchive apt_;
  NpmRegistry npm_;
  std::string reasons_;  // why a source had nothing, for the error
};

}  // namespace

Result<FetchedPackages> fetch_packages(const PackagePlaces& places, const codec::RuntimeLock& lock, BuildMode mode,
                                       const SayStep& say) {
  if (auto made = make_directories(places.scratch); !made) return std::move(made).error();
  return Fetch(places, mode, say).run(lock);
}

}  // namespace unik::runtimes
