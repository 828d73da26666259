// How the name of a runtime becomes one that is at hand. A name is looked for, in this order: among what is installed
// under the configured namespace; in the configured registries; in the sources that this host has, built when needed. A
// fully qualified name means itself alone, and no name is ever matched by its last part. What was tried is said, and
// stands in the error.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "api/runtime_name.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"
#include "runtimes/lib/runtime/package_places.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::runtimes {

inline constexpr const char* kDefaultRuntimeSpace = "runtimes";

// Of the registries: installed, or what was asked in vain.
struct RegistryAnswer {
  bool installed = false;
  std::string tried;

  bool operator==(const RegistryAnswer&) const = default;
};

struct RuntimeShelf {
  const BlobStore& store;
  std::filesystem::path roots;                 // where their files are laid out
  std::string space = kDefaultRuntimeSpace;    // `runtimes.namespace`
  std::vector<std::filesystem::path> sources;  // directories that hold runtimes, in order
  // Installs it from the first registry that has it. Empty: none is asked.
  std::function<Result<RegistryAnswer>(const RuntimeName&)> install;
  // Builds a source into the store. May be slow: packages are fetched.
  std::function<Result<void>(const RuntimeSource&)> build;
  SayStep say;  // may be empty
};

// Errors: `invalid/bad_runtime_name`; `not_found/no_runtime`, with each place that was tried and what is there; those
// of `install` and `build`: what a registry has and cannot be trusted is not replaced by something else.
Result<RuntimeImage> find_runtime(const RuntimeShelf& shelf, const std::string& text);

// The directory of the source of that name: `NAME/` whose manifest says so, or another directory whose manifest does.
// Empty when there is none.
std::filesystem::path find_runtime_source(const std::vector<std::filesystem::path>& sources, const std::string& name);

}  // namespace unik::runtimes
