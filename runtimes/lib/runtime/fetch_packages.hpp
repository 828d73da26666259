// From a lock to the files that it pins: the cache, then the machine's package tools, then the configured mirrors. Size
// and sum are compared before anything is unpacked, whatever the source.
//
// A pin that is nowhere any more (archives drop old versions) fails a release; a development build takes the version
// that the archive prefers now, and says so.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/runtime/package_places.hpp"

namespace unik::runtimes {

struct FetchedDebian {
  codec::LockedDebian package;  // as it was taken, which after a substitution is not as it was pinned
  std::filesystem::path file;   // in the cache

  bool operator==(const FetchedDebian&) const = default;
};
struct FetchedNpm {
  codec::LockedNpm package;
  std::filesystem::path file;

  bool operator==(const FetchedNpm&) const = default;
};

struct FetchedPackages {
  std::vector<FetchedDebian> debian;
  std::vector<FetchedNpm> npm;
  std::vector<std::string> substituted;  // a sentence for each pin that had vanished; empty: all is as locked

  bool operator==(const FetchedPackages&) const = default;
};

// Errors: `not_found/pin_vanished`, naming every package, where each was looked for, and what mends it; `invalid/
// wrong_package` (a source gave other bytes); those of AptArchive and NpmRegistry.
Result<FetchedPackages> fetch_packages(const PackagePlaces& places, const codec::RuntimeLock& lock, BuildMode mode,
                                       const SayStep& say);

}  // namespace unik::runtimes
