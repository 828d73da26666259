// A package of a runtime on its way to this host: into a file that a later call goes on with, and verified as a whole
// before anything looks inside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "api/result.hpp"
#include "api/time.hpp"
#include "runtimes/lib/runtime/runtime_registry.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::runtimes {

inline constexpr Duration kPackageStall = std::chrono::seconds(60);

struct DownloadProgress {
  std::int64_t done = 0;  // bytes, those of earlier calls included
  std::int64_t size = 0;
};
using OnDownload = std::function<void(const DownloadProgress&)>;
using DownloadPause = std::function<void(Duration)>;
void sleep_between_tries(Duration pause);

// Brings `url` (https, http on loopback, oci, file) into `file`, going on after what is there. A transfer that breaks
// off goes on by itself, with growing pauses, as long as each try brings something, and at most 32 in a row less than a
// MiB; what was brought stays for the next call. `environment` says where credentials are (registry_access.hpp).
// Errors: `not_found/no_such_package`; `invalid/wrong_size` and, of what an OCI registry says that it has,
// `invalid/wrong_checksum`, both saying both; `unauthorized/…`, `forbidden/…`, `unavailable/…`, `timeout/…` of the way
// there.
Result<void> download_package(const std::string& url, const RuntimeRelease& release, const std::filesystem::path& file,
                              const std::map<std::string, std::string>& environment, const OnDownload& progress,
                              const DownloadPause& pause = sleep_between_tries);

// Size, checksum, and the signature where `key` is given, in this order. `what` begins each message. Errors:
// `invalid/wrong_size`, `invalid/wrong_checksum`, both saying both; `invalid/unsigned`; those of `verify`.
Result<void> verify_package(const std::filesystem::path& file, const RuntimeRelease& release,
                            const std::optional<PublicKey>& key, const std::string& what);

// What of that can be said before a byte was fetched: a signature is there, and by that key.
Result<void> check_signed(const RuntimeRelease& release, const std::optional<PublicKey>& key, const std::string& what);

}  // namespace unik::runtimes
