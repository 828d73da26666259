// The registries of runtimes that config.yaml names, as the verbs see them.
//
//   $XDG_CACHE_HOME/unikctl/registries        what each answered last, by its URL
//   $XDG_CACHE_HOME/unikctl/downloads         packages under way, by their checksums
#pragma once

#include <vector>

#include "api/result.hpp"
#include "cli/session.hpp"
#include "runtimes/lib/runtime/registry_fetch.hpp"
#include "runtimes/lib/runtime/runtime_install.hpp"
#include "runtimes/lib/runtime/runtime_lookup.hpp"

namespace unik::cli {

// `$UNIKCTL_HOME/runtimes` and the rest; what is done is told on stderr. Errors: those of read_runtime_settings.
Result<runtimes::InstallPlaces> install_places(const Session& session, const runtimes::BlobStore& store);

// All that can be had; of each other one a warning says why. Errors: those of read_runtime_settings;
// `unavailable/no_registry`: some are enabled, and none can be had.
Result<std::vector<runtimes::FetchedRegistry>> ask_registries(const Session& session);

// One that config.yaml need not name: `url` as there, or a path relative to the working directory; `key` a public key
// or its file, empty: none is asked for. Errors: those of fetch_registry and read_public_key.
Result<std::vector<runtimes::FetchedRegistry>> ask_registry(const Session& session, const std::string& url,
                                                            const std::string& key);

// From the first of `registries` that has it, with progress on a terminal. A yanked one, which only its own version
// names, is warned of. Errors: those of find_in_registries and install_release.
Result<runtimes::InstalledRelease> install_runtime(const Session& session, const runtimes::BlobStore& store,
                                                   const std::vector<runtimes::FetchedRegistry>& registries,
                                                   const RuntimeName& wanted);

// For what stands on a runtime that is not installed.
Result<runtimes::RegistryAnswer> install_from_registries(const Session& session, const runtimes::BlobStore& store,
                                                         const RuntimeName& wanted);

}  // namespace unik::cli
