// Runtimes as the verbs see them: where their sources lie, where packages come from, and building one with what it does
// told on stderr.
//
//   $UNIKCTL_HOME/runtimes/NAME/VERSION/…     the files of a runtime, by which apps are linked
//   $XDG_CACHE_HOME/unikctl/packages          packages, by their sums
//   $UNIKCTL_BASE_VARIANT                     which kernels `runtime build base` compiles: up, smp or all (the default)
//   $UNIKCTL_RUNTIME_SOURCES                  directories of sources, in order; else those that came with unikctl
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"
#include "runtimes/lib/runtime/package_places.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::cli {

// The directories that hold sources of runtimes, in order.
std::vector<std::filesystem::path> runtime_places(const Environment& environment);

// `$XDG_CACHE_HOME/unikctl`: what can be fetched again.
std::filesystem::path cache_of(const Environment& environment);

// Errors: those of read_runtime_settings.
Result<runtimes::PackagePlaces> package_places(const Session& session);

// `runtimes.namespace` of the configuration, or the default.
Result<std::string> runtime_space(const Session& session);

// Builds into the store. What had to be taken in place of a pin is warned of loudly.
Result<runtimes::BuiltRuntime> build_runtime(const Session& session, const runtimes::BlobStore& store,
                                             const runtimes::RuntimeSource& source, runtimes::BuildMode mode);

// For an app that stands on it: installed, else from a registry, else built from its source, which is said. Errors:
// those of runtimes::find_runtime.
Result<runtimes::RuntimeImage> find_runtime(const Session& session, const runtimes::BlobStore& store,
                                            const std::string& name);

// The same, but no registry is asked and nothing is built: `not_found/runtime_not_built` says that it would be.
Result<runtimes::RuntimeImage> look_up_runtime(const Session& session, const runtimes::BlobStore& store,
                                               const std::string& name);

}  // namespace unik::cli
