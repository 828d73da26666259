// The runtimes that are at hand on this host: images of its store that say of themselves that they are one. Their name
// is that of the image, `SPACE/NAME:VERSION`, as a whole: nothing is told by the last part of it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "api/runtime_name.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"

namespace unik::runtimes {

struct InstalledRuntime {
  RuntimeName name;  // with its space and version
  NamedImage image;
  Manifest manifest;
  std::int64_t size_bytes = 0;  // of its layer `runtime`, as it is stored
  bool reproducible = true;

  bool operator==(const InstalledRuntime&) const = default;
};

// Sorted by name, the newest version first. An image that is damaged or incomplete is left out.
Result<std::vector<InstalledRuntime>> installed_runtimes(const BlobStore& store);

// The newest, or the version that is named, of that space and name; null when there is none.
const InstalledRuntime* find_installed(const std::vector<InstalledRuntime>& installed, const RuntimeName& wanted);

// Its files are laid out below `roots/NAME/VERSION/`, once for each content. Errors: `internal/corrupt_blob`,
// `unavailable/store_failed`.
Result<RuntimeImage> open_runtime(const BlobStore& store, const std::filesystem::path& roots,
                                  const InstalledRuntime& installed);

}  // namespace unik::runtimes
