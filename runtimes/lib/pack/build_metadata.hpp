// `.unikctl/native/pack-metadata.json`: what the last build of a source made of what, in one layout whichever way it
// was built, and by which the next one tells that nothing changed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "api/result.hpp"
#include "runtimes/lib/oci/digest.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/pack/packed_image.hpp"
#include "runtimes/lib/pack/runtime_image.hpp"

namespace unik::runtimes {

inline constexpr int kMetadataLayout = 3;  // of the file, and of what a build's result depends on

struct LockDigest {
  std::string file;
  Digest digest;
};

struct BuildMetadata {
  std::string pack;
  std::string language;
  std::string detected_by;
  BuildMode mode = BuildMode::kRelease;
  Tools tools;
  std::vector<std::string> commands;
  std::optional<LockDigest> lock;
  std::optional<RuntimeImage> runtime;  // none: the app stands on the base alone
  std::optional<PackedImage> image;     // none: it could not be packed yet
  std::optional<Digest> artifact;       // of a build by a command of unik.yaml, in the source itself
  bool deterministic = false;
  std::string inputs;  // a hash of all that the image depends on, or the artifact
};

// Errors: those of replace_file.
Result<void> write_metadata(const std::filesystem::path& source, const BuildMetadata& metadata);

// What the next build asks of it; empty members where there is none.
struct LastBuild {
  std::string inputs;
  std::string image;
  std::string artifact;
};

// None when there is no such file, or one of another layout or not to be read: that only costs another build.
std::optional<LastBuild> read_last_build(const std::filesystem::path& source);

}  // namespace unik::runtimes
