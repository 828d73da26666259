// The source of a runtime: a directory `NAME/` with `manifest.yaml`, `unik.yaml` and `versions.lock`. Checking it finds
// every fault at once, so that whoever mends it need not come back for the next.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "codec/runtime_documents.hpp"
#include "runtimes/lib/oci/digest.hpp"

namespace unik::runtimes {

inline constexpr const char* kManifestFile = "manifest.yaml";
inline constexpr const char* kRecipeFile = "unik.yaml";
inline constexpr const char* kLockFile = "versions.lock";
// A runtime whose script lays it out, instead of packages: `build.sh --variant all --out DIR`.
inline constexpr const char* kBaseRuntimeName = "base";

struct RuntimeSource {
  std::filesystem::path directory;
  codec::RuntimeManifest manifest;
  codec::RuntimeRecipe recipe;
  codec::RuntimeLock lock;

  bool operator==(const RuntimeSource&) const = default;
};

struct SourceCheck {
  RuntimeSource source;               // as far as it could be read
  std::vector<Fault> faults;          // it cannot be built
  std::vector<std::string> warnings;  // it can, but somebody will wonder

  bool operator==(const SourceCheck&) const = default;
};

// `with_lock` false: a lock that is missing or does not fit is no fault, since a new one is about to be made.
SourceCheck check_runtime_source(const std::filesystem::path& directory, bool with_lock = true);

// The same for who only goes on when nothing is wrong. Errors: `not_found/no_such_runtime` (no such directory),
// `invalid/incomplete_lock` (the lock's faults alone), `invalid/bad_runtime`; all faults in Error::details.
Result<RuntimeSource> read_runtime_source(const std::filesystem::path& directory, bool with_lock = true);

// The directories directly below `top` that hold a manifest.yaml, sorted.
std::vector<std::filesystem::path> runtime_sources(const std::filesystem::path& top);

// What a build's result depends on, beside the base and the packages: manifest, recipe and pins.
Digest digest_of(const RuntimeSource& source);

}  // namespace unik::runtimes
