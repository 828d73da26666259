// A registry of runtimes in an OCI namespace: `registry.json` and the packages as artifacts of one file each
// (docs/decisions/0015-runtimes-in-oci.md). `environment` says where credentials are.
//
// Errors common to all: those of RegistryClient, `invalid/bad_artifact`, `invalid/bad_credentials`.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "runtimes/lib/registry/artifact.hpp"
#include "runtimes/lib/runtime/runtime_package.hpp"

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

// Puts `text` in the place of what was read as `state`. OCI knows no exchange in one step: what another publisher
// writes within the same second is lost. Errors: `conflict/registry_changed`.
Result<void> replace_oci_registry(const std::string& url, const std::string& state, std::string_view text,
                                  const std::map<std::string, std::string>& environment);

// Puts a package at `url` (oci_package). False: it was there already, the very same. Errors: `conflict/release_exists`:
// something else is there, and is never overwritten.
Result<bool> push_oci_package(const std::string& url, const RuntimePackage& package,
                              const std::map<std::string, std::string>& environment,
                              const RegistryClient::OnSent& sent = {});

}  // namespace unik::runtimes
