// Registries of runtimes as they are configured on this host: fetched in their order, kept by their ETag, and used as
// they last were where they cannot be reached.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "api/time.hpp"
#include "runtimes/lib/runtime/package_places.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::runtimes {

inline constexpr Duration kRegistryTimeout = std::chrono::seconds(30);

struct ConfiguredRegistry {
  std::string name;
  std::string url;
  bool enabled = true;
  std::optional<PublicKey> public_key;  // given: nothing is taken from it that this key did not sign

  bool operator==(const ConfiguredRegistry&) const = default;
};

struct FetchedRegistry {
  ConfiguredRegistry configured;
  std::string file_url;
  RuntimeRegistry registry;
  std::string stale = {};  // why it is taken as it was at its last answer; empty: it is what it says now

  bool operator==(const FetchedRegistry&) const = default;
};

inline constexpr int kOciRegistryAttempts = 2;  // others may be there, and what it said last

// `cache` keeps one file for each URL; `environment` says where credentials are (registry_access.hpp). Errors:
// `invalid/bad_registry_url`, `invalid/bad_registry`, `not_found/no_such_registry`; when nothing was kept also
// `unauthorized/…`, `forbidden/…`, `unavailable/…` and `timeout/…` of the way there.
Result<FetchedRegistry> fetch_registry(const ConfiguredRegistry& configured, const std::filesystem::path& cache,
                                       const std::map<std::string, std::string>& environment);

// All that are enabled and can be had, in their order. `say` is told of each that cannot, or is stale, or has entries
// that cannot be read.
std::vector<FetchedRegistry> fetch_registries(std::span<const ConfiguredRegistry> configured,
                                              const std::filesystem::path& cache,
                                              const std::map<std::string, std::string>& environment,
                                              const SayStep& say);

struct FoundRelease {
  const FetchedRegistry* registry = nullptr;  // of those that were searched
  std::string name;
  RuntimeRelease release;
};

// In the first registry that has it. Errors: `not_found/no_such_runtime`, `not_found/no_such_version`, with what each
// registry has.
Result<FoundRelease> find_in_registries(std::span<const FetchedRegistry> registries, const RuntimeName& wanted);

}  // namespace unik::runtimes
