// `registry.json`: which releases of which runtimes there are, and where their packages lie. Its schema is
// `runtimeregistry.schema.json`; files of others that say the same in the same form are read as well.
//
// Reading takes what is right and tells what is not, so that one bad entry hides no other. Writing changes one entry of
// the text and leaves every other as it stands. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/runtime_name.hpp"
#include "runtimes/lib/oci/digest.hpp"

namespace unik::runtimes {

inline constexpr std::string_view kRegistryFile = "registry.json";
inline constexpr std::string_view kRegistryVersion = "1";
inline constexpr std::size_t kMaxRegistryBytes = std::size_t{8} << 20;
inline constexpr std::size_t kMaxRegistryReleases = 20'000;
inline constexpr std::int64_t kMaxPackageBytes = std::int64_t{16} << 30;

struct RuntimeRelease {
  RuntimeVersion version;
  std::string description;
  std::string download_url;  // of the package; what has no scheme lies beside the registry file
  Digest checksum;           // of the package
  std::int64_t size = 0;     // of the package, bytes
  std::vector<std::string> platforms;
  std::optional<Digest> image_digest;  // of the image's manifest inside
  std::string signature;               // of the package, minisign's four lines; empty: not signed
  std::string released_at;             // UTC
  bool yanked = false;                 // known to be bad: taken only by who names this very version

  bool operator==(const RuntimeRelease&) const = default;
};

using RuntimeReleases = std::map<RuntimeVersion, RuntimeRelease>;

struct RuntimeRegistry {
  std::string updated_at;
  std::map<std::string, RuntimeReleases> runtimes;
  std::vector<std::string> faults;  // a sentence for each entry that was left out

  bool operator==(const RuntimeRegistry&) const = default;
};

// `name` stands in errors. Errors: `invalid/bad_registry`: no JSON, another version of the form, beyond the bounds.
Result<RuntimeRegistry> parse_runtime_registry(std::string_view text, const std::string& name);

// The release that `wanted` means: without a version the highest that is not yanked. Errors: `not_found/
// no_such_runtime`, `not_found/no_such_version`, each with what there is.
Result<RuntimeRelease> find_release(const RuntimeRegistry& registry, const RuntimeName& wanted);

// The text with one release more. An empty text is a registry without any. Errors: `invalid/bad_registry`; `conflict/
// release_exists`: what was published is never overwritten.
Result<std::string> add_release(std::string_view text, const std::string& name, const RuntimeRelease& release,
                                const std::string& updated_at);

// The text with a release marked as bad. Errors: `invalid/bad_registry`, those of find_release.
Result<std::string> yank_release(std::string_view text, const std::string& name, const RuntimeVersion& version,
                                 const std::string& updated_at);

// One change of a registry that others may change, too: made anew of what they have written until it is there.
struct RegistryChange {
  std::function<Result<std::string>(std::string_view text)> apply;
  std::function<bool(std::string_view text)> is_made;
};

// add_release and yank_release as such.
RegistryChange addition_of(std::string name, RuntimeRelease release);
RegistryChange yank_of(std::string name, RuntimeVersion version, std::string updated_at);

}  // namespace unik::runtimes
