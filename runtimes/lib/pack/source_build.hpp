// `build DIR` and `deploy DIR` for a source with a `unik.yaml`: runs `build.command` in the directory, takes
// `artifact.path`, packs it.
//
// The command runs by `/bin/sh -c` in the source's directory with a declared environment and nothing else of the
// caller's. Its output is shown as it comes and kept in `.unikctl/native/build.log`. When neither the sources nor the
// recipe nor the toolchain's environment changed since (by content, in `.unikctl/native/pack-metadata.json`), it is not
// run again. Nothing is written beside `.unikctl/` but what the command itself writes.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "api/result.hpp"
#include "codec/unik_yaml.hpp"
#include "runtimes/lib/pack/binary_pack.hpp"

namespace unik::runtimes {

inline constexpr std::size_t kMaxSourceFiles = 200'000;

struct SourceBuildOptions {
  std::filesystem::path directory;
  codec::UnikYaml recipe;               // of `directory/unik.yaml`, parsed by the caller
  std::string name;                     // of the image; empty: the directory's name
  std::vector<Include> includes;        // over the recipe's own
  BaseRuntime base;
  std::map<std::string, std::string> environment;  // for the command, over the declared one
  bool rebuild = false;                 // run the command even when nothing changed
  Duration time_limit = std::chrono::hours(1);
  std::function<void(std::string_view)> output;  // the command's output as it comes; may be empty
};

struct SourceBuild {
  PackedImage image;
  bool reused = false;  // the command was not run
  Digest source_hash;
  Duration build_took{};
};

// The environment that every build command sees: PATH, HOME (`.unikctl/cache/home`), LANG, LC_ALL, TZ, TMPDIR,
// SOURCE_DATE_EPOCH, and what names a proxy or a certificate file in `caller`, without which no fetch can work.
std::map<std::string, std::string> build_environment(const std::filesystem::path& directory,
                                                     const std::map<std::string, std::string>& caller);

// The hash of a source tree: paths, modes and contents, without `.unikctl/`, `.git/` and `artifact`. Errors:
// `invalid/unsafe_source` (a link that leaves the tree), `exhausted/source_too_large`.
Result<Digest> hash_source(const std::filesystem::path& directory, const std::filesystem::path& artifact);

// Errors: `invalid/no_build_command`, `invalid/no_artifact_path`, `invalid/no_run_command` (a directory as artifact needs
// one), `invalid/unsafe_source`, `invalid/build_failed` (with the last lines of the log and its path),
// `invalid/no_artifact` (the command succeeded but the file is not there), `timeout/build_timed_out`, and those of
// pack_binary.
Result<SourceBuild> build_source(const BlobStore& store, const SourceBuildOptions& options);

}  // namespace unik::runtimes
