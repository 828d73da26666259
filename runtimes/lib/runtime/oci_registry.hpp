// A registry of runtimes in an OCI namespace: `registry.json` and the packages as artifacts of one file each
// (docs/decisions/0015-runtimes-in-oci.md). `environment` says where credentials are.
//
// Errors common to all: those of RegistryClient, `invalid/bad_artifact`, `invalid/bad_credentials`.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "api/time.hpp"
#include "runtimes/lib/registry/artifact.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"

namespace unik::runtimes {

inline constexpr ArtifactKind kRegistryArtifact{"application/vnd.dev.unikctl.runtime.registry.v1",
                                                "application/vnd.dev.unikctl.runtime.registry.v1+json"};
inline constexpr ArtifactKind kPackageArtifact{"application/vnd.dev.unikctl.runtime.package.v1",
                                               "application/vnd.dev.unikctl.runtime.package.v1.tar+gzip"};

struct OciRegistryFile {
  std::string state;                // the digest of its manifest; empty: there is none yet
  std::optional<std::string> text;  // none: it is what the state that was known stands for

  bool operator==(const OciRegistryFile&) const = default;
};

// The registry file of the namespace `url`, unless it still is what `known_state` stands for. Asked `attempts` times at
// most. Errors: `not_found/no_such_image`: there is none.
Result<OciRegistryFile> read_oci_registry(const std::string& url, const std::string& known_state,
                                          const std::map<std::string, std::string>& environment,
                                          int attempts = kRegistryAttempts);

inline constexpr int kOciChangeTries = 8;
inline constexpr Duration kOciSettle = std::chrono::seconds(1);

using OciPause = std::function<void()>;
// For kOciSettle and a random part of it more, so that two who met do not meet again.
void wait_for_others();

// Puts the registry file with `change`. OCI knows no exchange in one step, so what was put is read again after a
// `pause`, and put again where another publisher has written over it: a success is that it was there then. Lost is
// only what one writes over it who had read the registry longer than kOciSettle before. Errors: those of
// `change.apply`; `conflict/registry_changed`: others were quicker kOciChangeTries times.
Result<void> change_oci_registry(const std::string& url, const RegistryChange& change,
                                 const std::map<std::string, std::string>& environment,
                                 const OciPause& pause = wait_for_others);

// Puts a package at `url` (oci_package). False: it was there already, the very same. Errors: `conflict/release_exists`:
// something else is there, and is never overwritten.
Result<bool> push_oci_package(const std::string& url, const RuntimePackage& package,
                              const std::map<std::string, std::string>& environment,
                              const RegistryClient::OnSent& sent = {});

}  // namespace unik::runtimes
