// From the source of a runtime to its image in the host's store: layers `kernel`, `base` and `runtime`. The same source
// and base give the same bytes, as long as every pin could be had; where one had vanished, the image says so of itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/blob_store.hpp"
#include "runtimes/lib/pack/base_runtime.hpp"
#include "runtimes/lib/pack/packed_image.hpp"
#include "runtimes/lib/runtime/fetch_packages.hpp"
#include "runtimes/lib/runtime/package_places.hpp"
#include "runtimes/lib/runtime/runtime_source.hpp"

namespace unik::runtimes {

// On a runtime's manifest: the digest of the source that it was built from; the packages that it has files of, as
// `NAME@VERSION,…`, sorted; and `false` where a pin had vanished.
inline constexpr std::string_view kSourceAnnotation = "dev.unikctl.source.digest";
inline constexpr std::string_view kPackagesAnnotation = "dev.unikctl.packages";
inline constexpr std::string_view kReproducibleAnnotation = "dev.unikctl.reproducible";

// The packages of kPackagesAnnotation.
std::vector<std::string> packages_of(const Manifest& runtime);

struct RuntimeBuildOptions {
  RuntimeSource source;
  BaseRuntime base;
  PackagePlaces packages;
  std::string space;  // the image's name is `SPACE/NAME:VERSION`
  BuildMode mode = BuildMode::kDebug;
  SayStep say;
  std::function<void(std::string_view)> output;  // of the recipe's commands; may be empty
};

struct BuiltRuntime {
  PackedImage image;
  std::vector<std::string> substituted;  // pins that had vanished; empty: reproducible

  bool operator==(const BuiltRuntime&) const = default;
};

// Errors: those of fetch_packages, lay_stage, choose_files and close_files; `invalid/outside_baseline` (a shell or a
// package manager among the files, all named).
Result<BuiltRuntime> build_runtime(const BlobStore& store, const RuntimeBuildOptions& options);

}  // namespace unik::runtimes
