// A runtime as one file that others can install: `NAME-VERSION.tar.gz`, an OCI layout (docs/decisions/
// 0012-runtime-packages.md) with the runtime's manifest and lock beside it. The same image and texts are the same
// bytes.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/runtime/installed_runtimes.hpp"

namespace unik::runtimes {

// What lies beside the image in a package, where it is known.
inline constexpr const char* kPackageDirectory = "runtime";
std::vector<std::string> package_documents();  // `runtime/manifest.yaml`, …

struct RuntimePackage {
  std::filesystem::path file;
  Digest checksum;
  std::int64_t size = 0;  // bytes
  Digest image_digest;

  bool operator==(const RuntimePackage&) const = default;
};

// Writes it into `directory`, whole or not at all. `documents` by their names in the package. Takes a hold of the
// store. Errors: `internal/corrupt_blob`, `not_found/no_such_blob`, `unavailable/store_failed`.
Result<RuntimePackage> write_runtime_package(const BlobStore& store, const InstalledRuntime& runtime,
                                             const std::map<std::string, std::string>& documents,
                                             const std::filesystem::path& directory);

}  // namespace unik::runtimes
