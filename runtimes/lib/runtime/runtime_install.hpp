// Installing a release of a registry: downloaded, verified as a whole before anything looks inside, its image brought
// into the host's store, and named there as the last step. Whoever is killed on the way has installed nothing; what was
// downloaded is gone on with. Installs of the same runtime wait for each other.
//
//   ROOTS/NAME/VERSION/package/     install.json, manifest.yaml, unik.yaml, versions.lock, package.minisig
//   DOWNLOADS/HEX                   a package under way, by its checksum
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"
#include "runtimes/lib/runtime/package_download.hpp"
#include "runtimes/lib/runtime/registry_fetch.hpp"

namespace unik::runtimes {

struct InstallPlaces {
  const BlobStore& store;
  std::filesystem::path roots;                     // `$UNIKCTL_HOME/runtimes`
  std::filesystem::path downloads;                 // `$XDG_CACHE_HOME/unikctl/downloads`
  std::string space;                               // the image's name is `SPACE/NAME:VERSION`
  std::map<std::string, std::string> environment;  // says where credentials are (registry_access.hpp)
  SayStep say;                                     // may be empty
  OnDownload progress;                             // may be empty
};

// Where an installed runtime came from: `install.json`.
struct InstallRecord {
  std::string registry;  // its name in the configuration
  std::string url;       // of the package
  Digest checksum;       // of the package
  std::int64_t size = 0;
  Digest image_digest;
  std::string key_id;      // that has signed it; empty: nobody asked
  std::string public_key;  // the whole of that key, as `key_line` prints it: an id of 8 bytes can be forged

  bool operator==(const InstallRecord&) const = default;
};

struct InstalledRelease {
  RuntimeName name;
  Digest image_digest;
  bool was_there = false;

  bool operator==(const InstalledRelease&) const = default;
};

// What is installed already is taken for the release only where its record shows that; where the registry has a key,
// what that very key did not vouch for is fetched and verified again. Errors: `invalid/wrong_platform`;
// `conflict/other_content` (another image of that version is installed); those of package_url, download_package and
// verify_package; `invalid/bad_package`: no image, another digest than the registry says, or an image of another
// runtime or version.
Result<InstalledRelease> install_release(const InstallPlaces& places, const FoundRelease& found);

// Of the namespace that runtimes are installed under. Empty for one that was built here.
std::optional<InstallRecord> find_install_record(const std::filesystem::path& roots, const RuntimeName& name);
// Texts that came with the package, by their names in one (`runtime/manifest.yaml`).
std::map<std::string, std::string> installed_documents(const std::filesystem::path& roots, const RuntimeName& name);

// Takes the image out of the index and removes what lies in ROOTS; its blobs go with the next `image prune`.
Result<void> remove_installed(const InstallPlaces& places, const InstalledRuntime& runtime);

// Reads every blob again, and holds the image to what was installed: one sentence for each thing that is wrong.
std::vector<std::string> installed_faults(const InstallPlaces& places, const InstalledRuntime& runtime);

}  // namespace unik::runtimes
