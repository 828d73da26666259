// `build DIR` and `deploy DIR` for a source with a `unik.yaml`: runs `build.command` in the directory, takes
// `artifact.path`, packs it.
//
// The command runs by `/bin/sh -c` in the source's directory with a declared environment and nothing else of the
// caller's. Its output is shown as it comes and kept in `.unikctl/native/build.log`. It is not run again while the
// sources are as the last build left them, the recipe and the environment are the same and the artifact is untouched;
// all by content, recorded in `.unikctl/native/pack-metadata.json`. Nothing is written beside `.unikctl/` but what the
// command itself writes.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"
#include "runtimes/lib/pack/pack.hpp"
#include "runtimes/lib/pack/source_tree.hpp"

namespace unik::runtimes {

struct SourceBuildOptions {
  std::filesystem::path directory;
  codec::UnikYaml recipe;         // of `directory/unik.yaml`, parsed by the caller
  std::string name;               // of the image; empty: the directory's name
  std::vector<Include> includes;  // over the recipe's own
  BaseRuntime base;
  BuildMode mode = BuildMode::kRelease;            // recorded; the command learns of it by its environment
  std::map<std::string, std::string> environment;  // of the command, whole: see build_environment
  bool rebuild = false;                            // run the command even when nothing changed
  Duration time_limit = std::chrono::hours(1);
  std::function<void(std::string_view)> output;  // the command's output as it comes; may be empty
  std::string operation;                         // of a control plane, which runs this build; empty: nobody's
};

struct SourceBuild {
  PackedImage image;
  bool reused = false;  // the command was not run
  Duration build_took{};
};

// With a command or an artifact of its own a source is built as it says; otherwise a pack is looked for.
bool has_own_build(const codec::UnikYaml& recipe);

// Names the operation to a `unikctl build` that a controller runs. No command of the build sees it.
inline constexpr const char* kBuildOperation = "UNIKCTL_BUILD_OPERATION";

// The environment that every build command sees: HOME and XDG_CACHE_HOME (in `.unikctl/cache`), LC_ALL, TZ,
// SOURCE_DATE_EPOCH, and of `caller` the PATH and what names a proxy, a certificate file or a package registry, without
// which no fetch works.
std::map<std::string, std::string> build_environment(const std::filesystem::path& directory,
                                                     const std::map<std::string, std::string>& caller);

// What a source consists of: the hash of each file, link and executable bit by its path, without `.unikctl/`, `.git/`
// and `artifact`. Errors: `invalid/unsafe_source` (a link that leaves the tree), `exhausted/source_too_large`.
Result<SourceHashes> hash_source(const std::filesystem::path& directory, const std::string& artifact);

// A file as artifact is the program itself, and `run.command`, where it is given, begins with its name; a directory is
// laid below /app. Errors: `invalid/no_build_command`, `invalid/no_artifact_path`, `invalid/no_run_command` (a
// directory as artifact needs one), `invalid/bad_run_command`, `invalid/unsafe_source`, `invalid/build_failed` (with
// the last lines of the log and its path), `invalid/no_artifact` (the command succeeded but the file is not there),
// `timeout/program_timed_out`, and those of pack_binary and pack_directory.
Result<SourceBuild> build_source(const BlobStore& store, const SourceBuildOptions& options);

}  // namespace unik::runtimes
